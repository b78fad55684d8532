"""Usage: python -m tests.soak [--only NAME] [--load-s S] [--loops N] [--mutants N] [--examples N] [--seed N]

Runs every check, prints what each counted and a table at the end. Exit status 1 if any of them failed.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.soak import (
    corrupt_corpus,
    full_disk,
    fuzz_decoder,
    fuzz_http,
    fuzz_journal,
    fuzz_spec,
    kill_batch,
    kill_workers,
    mixed_load,
)
from tests.soak.outcome import Effort, Outcome

Check = Callable[[Effort], Outcome]

CHECKS: dict[str, tuple[str, Check]] = {
    "kill-batch": ("batch killed with -9 at random moments, then resumed", kill_batch.run),
    "kill-workers": ("workers killed with -9 under load", kill_workers.run),
    "full-disk": ("batch, export and train on a full disk", full_disk.run),
    "corrupt": ("corrupt files, by batch and by the service", corrupt_corpus.run),
    "fuzz-decoder": ("fuzzed images", fuzz_decoder.run),
    "fuzz-spec": ("fuzzed specs", fuzz_spec.run),
    "fuzz-journal": ("fuzzed files of an interrupted run", fuzz_journal.run),
    "fuzz-http": ("fuzzed requests, by schemathesis", fuzz_http.run),
    "load": ("mixed traffic at twice the capacity", mixed_load.run),
}
SHOWN = 40


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.soak")
    add = parser.add_argument
    add("--only", choices=CHECKS, action="append", help="this check alone; may be given again")
    add("--load-s", type=float, default=600.0, help="how long the mixed load lasts")
    add("--loops", type=int, default=12, help="how often processes are killed")
    add("--mutants", type=int, default=20, help="corrupt files made of each good one")
    add("--examples", type=int, default=1000, help="inputs for each fuzzed reader")
    add("--seed", type=int, default=0)
    add("--schemathesis", type=Path, default=Path(".venv-soak/bin/schemathesis"), help="the program")
    arguments = vars(parser.parse_args())
    names = arguments.pop("only") or list(CHECKS)
    effort = Effort(**arguments)
    rows = [(name, *timed(name, CHECKS[name][1], effort)) for name in names]
    print(f"\n{'check':<14}{'cases':>9}{'failures':>10}{'seconds':>9}  verdict  what")
    for name, outcome, seconds in rows:
        verdict = "FAILED" if outcome.failures or not outcome.cases else "held"
        counts = f"{outcome.cases:>9,}{len(outcome.failures):>10,}{seconds:>9.0f}"
        print(f"{name:<14}{counts}  {verdict:<9}{CHECKS[name][0]}")
    return int(any(outcome.failures or not outcome.cases for _, outcome, _ in rows))


def timed(name: str, check: Check, effort: Effort) -> tuple[Outcome, float]:
    print(f"\n== {name}: {CHECKS[name][0]}", flush=True)
    begun = time.monotonic()
    try:
        outcome = check(effort)
    except Exception as error:  # noqa: BLE001 # the other checks are still to be made
        traceback.print_exc()
        outcome = Outcome(0, [f"the check itself broke: {error!r}"])
    for failure in outcome.failures[:SHOWN]:
        print(f"FAILED {failure}")
    print(f"{outcome.cases:,} cases, {len(outcome.failures):,} failures", flush=True)
    return outcome, time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
