"""The Dockerfile and the unit of a camera: what they name exists, and their commands are ours."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest

from edge.arguments import Parser
from eyespot.cli import SUBCOMMANDS

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "deploy" / "eyespot-watch.service"
# KEY{attribute}, an operator and a value, as udev(7) has it.
RULE = re.compile(r'[A-Z]+(\{\w+\})?(==|\+=|=)"[^"]*"')


def parsed(words: list[str]) -> object:
    """Return the arguments of a command line `eyespot SUBCOMMAND ...`, as the program reads them."""
    program, name, *rest = words
    assert Path(program).name == "eyespot"
    module, parser = import_module(SUBCOMMANDS[name].module), Parser(f"eyespot {name}", None)
    module.add_arguments(parser)
    return parser.parse(rest)


def dockerfile() -> list[tuple[str, str]]:
    """Return (instruction, what follows) of the Dockerfile, without comments and with its lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def test_the_image_copies_what_is_there_and_not_ignored() -> None:
    copies = [shlex.split(rest) for kind, rest in dockerfile() if kind == "COPY"]
    sources = [word for words in copies if not words[0].startswith("--from") for word in words[:-1]]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"edge", "serving", "pyproject.toml", "constraints.txt"} <= set(sources) == kept
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_installs_extras_that_there_are_and_keeps_no_cache() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pips = [rest for kind, rest in dockerfile() if kind == "RUN" and "pip " in rest]
    assert all("--no-cache-dir" in rest for rest in pips)
    assert [set(extras.split(",")) for rest in pips for extras in re.findall(r"\[([a-z,]+)\]", rest)] == [
        {"cpu", "serving"}
    ]
    assert {"cpu", "serving"} <= set(project["optional-dependencies"])
    bases = [rest.split()[0] for kind, rest in dockerfile() if kind == "FROM"]
    assert bases == ["python:3.11-slim-bookworm"] * 2  # tests/arm64 has the same Debian


def test_the_image_serves_without_root_and_has_a_health_check() -> None:
    last = dict(dockerfile())
    arguments = parsed(json.loads(last["CMD"]))
    assert (arguments.models, arguments.host) == (["/models"], "0.0.0.0")  # type: ignore[attr-defined]
    assert last["USER"] not in ("root", "0")
    check = json.loads(last["HEALTHCHECK"].partition("CMD ")[2])
    assert f"127.0.0.1:{last['EXPOSE']}/readyz" in check[-1]
    compile(check[-1], "HEALTHCHECK", "exec")


def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser


def test_the_unit_watches_within_limits_and_without_rights() -> None:
    service = unit()["Service"]
    assert parsed(shlex.split(service["ExecStart"])).source == "/dev/eyespot-camera"  # type: ignore[attr-defined]
    assert (service["Restart"], service["DynamicUser"], service["DevicePolicy"]) == ("on-failure", "yes", "closed")
    assert service["DeviceAllow"].split() == ["/dev/eyespot-camera", "rw"]
    high, most = (int(service[name].removesuffix("M")) for name in ("MemoryHigh", "MemoryMax"))
    assert 100 < high < most


def test_the_rule_gives_the_name_that_the_unit_waits_for() -> None:
    (rule,) = (line for line in (UNIT.parent / "99-eyespot-camera.rules").read_text().splitlines() if line[0] != "#")
    parts = rule.split(", ")
    assert all(RULE.fullmatch(part) for part in parts)
    assert {'SYMLINK+="eyespot-camera"', 'TAG+="systemd"'} <= set(parts)
    escaped = r"dev-eyespot\x2dcamera.device"  # systemd-escape --path --suffix=device /dev/eyespot-camera
    names = {unit()[section][key] for section, key in (("Unit", "BindsTo"), ("Unit", "After"), ("Install", "WantedBy"))}
    assert names == {escaped}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    installed = str(Path(sys.executable).with_name("eyespot"))
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/eyespot/bin/eyespot", installed))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
