"""Pages of Markdown, executed: their commands in order, in one shell, and what they print against what is shown.

In a `console` block a line that starts with `$ ` is a command and the lines below it are its output, in which `...`
matches any lines. In a `python` block the comment behind a `print` is what it prints. A block that cannot run here
has `<!-- not run: REASON -->` above it, and one that is written into a file `<!-- file: NAME -->`.
`python -m tests.pages PAGE...` runs pages and writes what they printed into them.
"""

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from docs.pictures import make_photographs

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(
    r"^ *(?:<!-- (?:not run: (?P<reason>[^>]+)|file: (?P<file>\S+)) -->\n *)?```(?P<kind>\w+)\n(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
MARK = "<<<command {}>>>"
# The ports of the pages; each run takes free ones in their place.
PORTS = re.compile(r"\b(3000|8765|8077|8080)\b")
PRINTED = re.compile(r"print\(.*\)  # (.+)$", re.MULTILINE)
WITHIN_S = 600
# What differs from run to run or from machine to machine: digests, differences of rounding and where they are, times.
WILD = re.compile(r"[0-9a-f]{16,64}|\d(?:\.\d+)?e-\d\d(?: \([^)]*\))?|\(worst: [^)]*\)|\d+(?:\.\d+)? m?s\b")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Command:
    """One command of a page: its text, the output that the page shows, and why it is not run, if so."""

    kind: str
    text: str
    shown: tuple[str, ...]
    reason: str | None


def commands(page: Path) -> list[Command]:
    """Return all commands of a page, in order; a Python block is one command."""
    found: list[Command] = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        kind, body, reason = block["kind"], block["body"], block["reason"]
        if block["file"]:
            found.append(Command("file", f"cat > {block['file']} <<'END_OF_FILE'\n{body}END_OF_FILE", (), None))
        elif kind in ("python", "sh"):
            found.append(Command(kind, body, tuple(PRINTED.findall(body)) if kind == "python" else (), reason))
        if block["file"] or kind != "console":
            continue
        for line in body.splitlines():
            if line.startswith("$ "):
                found.append(Command(kind, line.removeprefix("$ "), (), reason))
            else:
                found[-1] = replace(found[-1], shown=(*found[-1].shown, line))
    return found


def prepare(folder: Path) -> None:
    """Fill a folder with what the pages take for given: photographs of three classes, and some more."""
    make_photographs(folder)


def run(page: Path, folder: Path) -> list[list[str]]:
    """Run a page in `folder` and return the lines that each of its runnable commands printed, in order."""
    script = ["set -eo pipefail", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    runnable = [command for command in commands(page) if command.reason is None]
    ports = {name: str(free_port()) for command in runnable for name in PORTS.findall(command.text)}
    for number, command in enumerate(runnable):
        text = PORTS.sub(lambda found: ports[found[1]], command.text)
        if text.startswith("eyespot serve") and text.endswith("&"):
            text = text.replace("eyespot serve", f"eyespot serve --port {ports['3000']}", 1)
        # A warning is an error, but for those that BentoML's own imports raise.
        warnings = "" if "import bentoml" in text else "-W error"
        script.append(f"echo; echo '{MARK.format(number)}'")
        script.append(
            f"python {warnings} -I - <<'END_OF_PYTHON'\n{text}END_OF_PYTHON" if command.kind == "python" else text
        )
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "BENTOML_HOME": str(folder / "bentoml"),
        "COLUMNS": "100",
    }
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    texts = re.split(rf"^{MARK.format('[0-9]+')}\n", done.stdout, flags=re.MULTILINE)[1:]
    assert done.returncode == 0, f"{page.name}: {runnable[max(len(texts), 1) - 1].text}\n{done.stdout}{done.stderr}"
    back = {port: name for name, port in ports.items()}
    swap = re.compile("|".join(back) or "(?!)")
    return [swap.sub(lambda found: back[found[0]], text).strip("\n").splitlines() for text in texts]


def run_readme(shared: Path) -> tuple[Path, list[list[str]]]:
    """Run the README in the first of the processes that needs it; return its folder and what was printed."""
    folder, printed = shared / "readme", shared / "readme.json"
    with (shared / "readme.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a run that failed
            folder.mkdir()
            prepare(folder)
            printed.write_text(json.dumps(run(README, folder)))
    found: list[list[str]] = json.loads(printed.read_text())
    return folder, found


def differences(page: Path, printed: list[list[str]]) -> list[str]:
    """Return one line for each command whose output is not what the page shows, within the tolerance of numbers."""
    runnable = [command for command in commands(page) if command.reason is None]
    assert len(runnable) == len(printed)
    return [
        "\n".join([f"$ {command.text}", "shown:", *command.shown, "printed:", *lines])
        for command, lines in zip(runnable, printed, strict=True)
        if command.shown and not _same(list(command.shown), lines)
    ]


def _same(shown: list[str], printed: list[str]) -> bool:
    if not shown or not printed:
        return shown in ([], ["..."]) and (not printed or bool(shown))
    if shown[0].strip() == "...":
        return any(_same(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return _same_line(shown[0], printed[0]) and _same(shown[1:], printed[1:])


def _same_line(shown: str, printed: str) -> bool:
    one, other = (WILD.sub("?", line) for line in (shown, printed))
    words = [" ".join(NUMBER.sub("#", line).split()) for line in (one, other)]
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=False)
    return words[0] == words[1] and all(_close(mine, its) for mine, its in pairs)


def _close(shown: str, printed: str) -> bool:
    """A probability may differ by 0.001, a percentage by 0.1, a count or a size of thousands by a hundredth."""
    one, other = (float(number.replace(",", "")) for number in (shown, printed))
    if "." not in shown:
        return abs(one - other) <= (0.01 * one if one >= 1000 else 0)
    return abs(one - other) <= (0.001 if one <= 1 else 0.1)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def rewrite(page: Path, printed: list[list[str]]) -> None:
    """Write into the page what its commands printed, wherever it shows another output."""
    outputs = iter(printed)

    def renewed(block: "re.Match[str]") -> str:
        if block["reason"] or block["kind"] != "console":
            if block["file"] or (block["kind"] in ("python", "sh") and not block["reason"]):
                next(outputs)
            return block[0]
        lines: list[str] = []
        for chunk in re.split(r"^(?=\$ )", block["body"], flags=re.MULTILINE)[1:]:
            first, *shown = chunk.splitlines()
            found = next(outputs)
            lines += [first, *(shown if not shown or _same(shown, found) else found)]
        return "```console\n" + "".join(f"{line}\n" for line in lines) + "```"

    page.write_text(BLOCK.sub(renewed, page.read_text(encoding="utf-8")), encoding="utf-8")


def main(pages: list[Path]) -> None:
    """Run the README and then each of the pages in a copy of its folder, and renew what they show."""
    with tempfile.TemporaryDirectory() as name:
        folder, printed = run_readme(Path(name))
        if README in pages:
            rewrite(README, printed)
        for page in pages:
            if page != README:
                copy = Path(name) / page.stem
                shutil.copytree(folder, copy)
                rewrite(page, run(page, copy))


if __name__ == "__main__":
    main([Path(argument).resolve() for argument in sys.argv[1:]])
