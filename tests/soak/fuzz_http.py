"""Requests made by schemathesis from the service's own description; it is installed in its own environment.

What is binary is described as binary and no more, so it cannot know which bytes are an image: one of its checks is
left out, and the opposite one does not count for pictures that are sent.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.minivgg import make_artifact
from tests.serving.conftest import serve
from tests.soak.outcome import Effort, Outcome

LEFT_OUT = "positive_data_acceptance"
ACCEPTED = "ST201"
LIMIT_S = 600
ANSWER_WITHIN_S = 10
# Of the examples of other checks: here they are for each of 21 operations, beside those that it makes by itself.
SHARE = 0.05


def run(effort: Effort) -> Outcome:
    if not effort.schemathesis.exists():
        return Outcome(0, [f"there is no {effort.schemathesis}; 'make soak' installs it"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(make_artifact())
        options = ("--workers", "1", "--no-access-log")
        with serve(folder / "model.onnx", folder, folder / "log.txt", *options) as (url, process):
            done = subprocess.run(command(effort, url), cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
            alive = process.poll() is None
        report = json.loads((folder / "report.json").read_text())
        failures = [] if alive else ["the service ended"]
        failures += ["a traceback in the service's log"] if "Traceback" in (folder / "log.txt").read_text() else []
    counted = report["test_cases"]
    print(f"operations: {report['operations']}")
    print(f"requests: {counted}")
    failures += [
        f"{f['count']} times {f['title']}: {', '.join(f['operations'])}" for f in report["failures"] if not excused(f)
    ]
    failures += [str(error) for error in report["errors"]]
    if report["failures"]:
        print(done.stdout)
    return Outcome(counted["generated"], failures)


def excused(failure: dict[str, Any]) -> bool:
    """Whether it is that a file in a form was accepted which schemathesis deems not binary: any bytes are."""
    return failure["code"] == ACCEPTED and all(name.endswith("/classify") for name in failure["operations"])


def command(effort: Effort, url: str) -> list[str]:
    options = {
        "--checks": "all",
        "--exclude-checks": LEFT_OUT,
        "--max-examples": str(max(1, round(effort.examples * SHARE))),
        "--max-response-time": str(ANSWER_WITHIN_S),
        "--seed": str(effort.seed),
        "--report": "json",
        "--report-json-path": "report.json",
        "--generation-database": "none",
    }
    program = str(effort.schemathesis.absolute())
    return [program, "run", f"{url}/docs.json", "--no-color", *(word for pair in options.items() for word in pair)]
