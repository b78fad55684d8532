"""Run every benchmark, one after the other, and write what came of it to RESULTS.md and results.json.

Usage: python -m tests.benchmarks.all [NAME...] [--environments FOLDER]
The peers get an environment of their own under FOLDER (.benchmarks), in the versions of requirements.txt. With
names, only those run, and their rows replace what RESULTS.md had of them. A run of all takes about two hours of a
machine that does nothing else. Exit status 1 if a benchmark could not be run; a goal that is missed is a result.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.measuring import COLLECTION

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RESULTS, RECORD = HERE / "RESULTS.md", HERE / "results.json"
PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "onnx", "tensorflow", "keras", "bentoml")


@dataclass(frozen=True)
class Benchmark:
    """A module of this folder with its arguments, and a heading for its rows; `{peers}` is the python of the peers."""

    heading: str
    arguments: tuple[str, ...] = ()


BENCHMARKS = {
    "preprocessing": Benchmark("Preprocessing against OpenCV and Pillow, one thread", ("15",)),
    "latency": Benchmark(
        "One picture, from pixels to probabilities, the better of one and two threads",
        ("--peers", "{peers}", "--rounds", "9"),
    ),
    "device": Benchmark("Size, first answer and memory on a device"),
    "batch": Benchmark("Batches of files"),
    "watch": Benchmark("Video"),
    "http_service": Benchmark("HTTP, two cores", ("5", "6")),
    "epochs": Benchmark("Training"),
    "accuracy": Benchmark("Accuracy of lenet"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--environments", type=Path, default=ROOT / ".benchmarks")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    peers = make_peers(arguments.environments / "peers")
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    code = describe_code()  # before the results themselves are changed
    failed = []
    for name in arguments.names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        rows = run(name, peers)
        failed += [name] if rows is None else []
        if rows is not None:
            record[name] = {"machine": describe_machine(code), "rows": rows}
            RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            RESULTS.write_text(as_markdown(record), encoding="utf-8")
    if failed:
        print(f"could not be run: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def make_peers(environment: Path) -> str:
    """Return the python of the environment that holds the peers, made when its list has changed."""
    wanted = (HERE / "requirements.txt").read_text(encoding="utf-8")
    made, python = environment / "made-of", environment / "bin" / "python"
    if not made.is_file() or made.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
        subprocess.run([*pip, str(HERE / "requirements.txt")], check=True)
        made.write_text(wanted, encoding="utf-8")
    return str(python)


def run(name: str, peers: str) -> list[dict[str, object]] | None:
    """Return the verdicts of a benchmark, which prints what it has to say; None if it ended with an error."""
    with tempfile.TemporaryDirectory() as folder:
        collection = Path(folder, "verdicts.jsonl")
        words = [word.format(peers=peers) for word in BENCHMARKS[name].arguments]
        environment = {**os.environ, COLLECTION: str(collection), "BENCHMARK_PEERS": peers}
        environment["EYESPOT_CACHE"] = str(Path(folder, "cache"))
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        if done.returncode or not collection.is_file():
            return None
        return [json.loads(line) for line in collection.read_text(encoding="utf-8").splitlines()]


def describe_code() -> str:
    """Return the commit that is measured, and whether anything was changed since."""
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(words, check=False, capture_output=True, text=True).stdout.strip() or "no checkout"


def describe_machine(code: str) -> str:
    """Return the day, the code, the processor, its cores, how busy they are with other work, and the versions."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    day = datetime.datetime.now(datetime.UTC).date()
    return (
        f"{day}, {code}: {processor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; "
        f"Python {platform.python_version()}, {packages}"
    )


def as_markdown(record: dict[str, dict[str, object]]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; the first lines of each module say what it measures, and how.",
    ]
    lines += ["Figures are medians of interleaved turns, with their quartiles; a goal that is missed says so.", ""]
    peers = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines += [f"The peers: {', '.join(peer.replace('==', ' ') for peer in peers if '==' in peer)}.", ""]
    for name, benchmark in BENCHMARKS.items():
        if name not in record:
            continue
        found = record[name]
        lines += [f"## {benchmark.heading}", "", f"`{name}.py`, {found['machine']}", ""]
        lines += ["| what | figure | quartiles | goal | verdict |", "|---|---|---|---|---|"]
        lines += [as_row(row) for row in found["rows"]]  # type: ignore[attr-defined]
        lines += [""]
    return "\n".join(lines)


def as_row(row: dict[str, object]) -> str:
    spread = f"{row['low']:.3g} to {row['high']:.3g}" if row["turns"] != 1 else ""
    return f"| {row['what']} | {row['figure']:.4g} {row['unit']} | {spread} | {row['goal']} | {row['verdict']} |"


if __name__ == "__main__":
    sys.exit(main())
