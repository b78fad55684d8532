"""The README is executed: its commands in order, in one shell, in an empty folder; its Python in between."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edge.cli import usage

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(console|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [(match[1], match[2]) for match in BLOCK.finditer(README)]

# They would start this very test again, or change the environment it runs in; checked otherwise below.
NOT_HERE = ("make ", "pip ")


def commands() -> list[str]:
    lines = [line for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines]


def as_script() -> str:
    """Return console blocks as they stand and Python blocks as calls of the interpreter, in order."""
    parts = ["set -euo pipefail"]
    for kind, text in BLOCKS:
        if kind == "console":
            lines = [line.removeprefix("$ ") for line in text.splitlines()]
            parts += [line for line in lines if not line.startswith(NOT_HERE)]
        elif kind == "python":
            parts.append(f"python -W error -I - <<'END_OF_PYTHON'\n{text}END_OF_PYTHON")
    return "\n".join(parts)


@pytest.mark.slow
def test_every_command_works_in_an_empty_folder(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "-c", as_script()]
    environment = os.environ | {"PATH": path, "BENTOML_HOME": str(tmp_path / "bentoml")}
    done = subprocess.run(
        shell, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    raw, form, drift = (json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"model":'))
    assert raw["predictions"][0]["label"] == "9"
    assert [result["predictions"][0]["label"] for result in form["results"]] == ["9", "7"]
    assert drift["verdict"] == "too_few_pictures", drift
    assert len(list((tmp_path / "captchas").glob("*.png"))) == 500
    best, bare = re.findall(r"^9 ([01]\.\d+)$", done.stdout, re.MULTILINE)
    assert float(best) == pytest.approx(float(bare), abs=1e-6)  # our API, and onnxruntime with Pillow alone
    for name in ("results.jsonl", "again.jsonl"):
        assert len((tmp_path / name).read_text().splitlines()) == 450


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"`make ([\w-]+)`", README)) | {c.split()[1] for c in commands() if c.startswith("make ")}
    assert {"demo", "test", "check", "bench"} <= named
    for target in named:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_every_install_names_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installs = [shlex.split(command)[-1] for command in commands() if command.startswith("pip ")]
    assert len(installs) == 3
    for target in installs:
        assert set(target.removeprefix(".[").removesuffix("]").split(",")) <= set(extras)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    required = project["dependencies"] + [r for name, group in extras.items() if name != "dev" for r in group]
    for requirement in required:
        name = re.match(r"[\w-]+", requirement)
        assert name
        assert name[0] == "eyespot" or re.search(rf"^\|.*\b{name[0]}\b.*\|$", README, re.MULTILINE), name[0]


def test_the_help_is_the_help() -> None:
    (text,) = [text for kind, text in BLOCKS if kind == "text"]
    assert text.rstrip() == usage().rstrip()
