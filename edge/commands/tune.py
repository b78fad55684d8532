"""Find out how a model runs fastest on this device, and remember it.

Each MODEL is a file of the same network: as it was trained (float32) and its variants (int8, fp16). Each is measured
with different numbers of threads, which keep their cores busy while they wait (spinning) or not, from the pixels of
one picture to its answer; and once as 'batch' runs it, where a picture has one thread and several may share a run of
the network. The figures are those of one picture. Every configuration has a process of its own, so that its memory is
its own, and they take turns. What fails its own samples on this device, has no certificate or lost more accuracy than
its certificate allows is never the best.

The best is remembered for this network and this processor; 'classify', 'batch' and 'watch' then take it for whichever
of the files they are given, unless --threads or --untuned says otherwise. Exit status: 0 measured and remembered, 1
some files could not be measured, 2 nothing was.
"""

import argparse
import sys
from pathlib import Path

from edge.arguments import positive
from edge.artifact import read_spec
from edge.cli import DONE, SOME_FAILED
from edge.cores import usable_cores
from edge.decode import read_image
from edge.errors import ImageError, ModelError, UsageError
from edge.processor import read_cpu
from edge.spec import ModelSpec
from edge.tune.choose import eligible, fastest, reason
from edge.tune.configuration import configurations
from edge.tune.contest import Contender, hold_contest
from edge.tune.network import identity
from edge.tune.record import RECORD_FORMAT, Record, Setting, forget, record_path, remember
from edge.tune.table import as_json, as_table

DEFAULT_ROUNDS = 5

Specs = dict[Path, ModelSpec]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot tune` takes."""
    add = parser.add_argument
    add("models", metavar="MODEL", nargs="+", type=Path, help="files of one network, written by 'eyespot export'")
    add("--image", type=Path, metavar="FILE", help="measure on this picture (default: one of 640 x 480 made here)")
    add("--rounds", type=positive, default=DEFAULT_ROUNDS, metavar="N", help=f"turns (default {DEFAULT_ROUNDS})")
    add("--json", action="store_true", help="one JSON object")
    add("--forget", action="store_true", help="forget what was remembered of these models on this device")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print and remember, and return the exit status."""
    specs = {path: read_spec(path) for path in arguments.models}
    if arguments.forget:
        return _forget(specs)
    _require_one_network(specs)
    record_path(identity(specs[arguments.models[0]]))  # where there is no place to remember, it need not be measured
    _require_picture(arguments.image)
    ways = list(configurations(specs, usable_cores()))
    contenders = hold_contest(ways, arguments.rounds, arguments.image, _show_progress)
    record = _conclude(contenders, specs)
    print(as_json(contenders, specs, record) if arguments.json else as_table(contenders, specs, record), flush=True)
    path = remember(record)
    if not arguments.json:
        print(f"remembered in {path}; 'eyespot tune {arguments.models[0]} --forget' undoes it", file=sys.stderr)
    return SOME_FAILED if any(contender.failure for contender in contenders) else DONE


def _forget(specs: Specs) -> int:
    for network, path in {identity(spec): path for path, spec in specs.items()}.items():
        found = "forgotten" if forget(network) else "nothing was remembered on this device"
        print(f"{path}: {found}")
    return DONE


def _require_picture(image: Path | None) -> None:
    try:
        if image:
            read_image(image)
    except ImageError as error:
        raise UsageError(f"--image {image}: {error}") from None


def _require_one_network(specs: Specs) -> None:
    (first, spec), *others = specs.items()
    for path, other in others:
        if spec.training is None or other.training is None:
            raise UsageError(f"{path}: nothing in it shows that it is the network of {first}; tune one at a time")
        if identity(other) != identity(spec):
            raise UsageError(f"{path}: this is not the network of {first}; name files of one network")


def _conclude(contenders: list[Contender], specs: Specs) -> Record:
    """Return what to remember. Raises ModelError, with a reason, where nothing may be chosen."""
    good = eligible(contenders, specs)
    one, many = ([c for c in good if c.configuration.many == many] for many in (False, True))
    if not one or not many:
        path = contenders[0].configuration.path
        why = next((c.failure for c in contenders if c.failure), None) or reason(specs, path)
        raise ModelError(f"{path}: no file could be measured that may be chosen ({why})")
    return Record(
        format=RECORD_FORMAT,
        network=identity(next(iter(specs.values()))),
        processor=read_cpu()[0],
        cores=usable_cores(),
        versions=tuple(sorted({spec.version or "" for spec in specs.values()})),
        one=_setting(fastest(one, specs), specs),
        many=_setting(fastest(many, specs), specs),
    )


def _setting(best: Contender, specs: Specs) -> Setting:
    told = best.configuration
    version = specs[told.path].version or ""
    return Setting(str(told.path.resolve()), version, told.threads, told.spinning, best.median_s * 1e3)


def _show_progress(turn: int, turns: int) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        text = f"measuring, {turn:,} of {turns:,}" if turn < turns else ""
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
