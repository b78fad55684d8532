"""The unit and the rule for a camera that is always watched: systemd takes them, and so does our own parser."""

import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from edge.arguments import Parser
from edge.commands import watch

FOLDER = Path(__file__).parent.parent / "deploy"
UNIT = FOLDER / "eyespot-watch.service"
# KEY{attribute}, an operator and a value, as udev(7) has it.
RULE = re.compile(r'[A-Z]+(\{\w+\})?(==|\+=|=)"[^"]*"')


def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser


def test_the_command_is_one_of_ours() -> None:
    program, subcommand, *words = shlex.split(unit()["Service"]["ExecStart"])
    parser = Parser("eyespot watch", None)
    watch.add_arguments(parser)
    arguments = parser.parse(words)
    assert (Path(program).name, subcommand, arguments.source) == ("eyespot", "watch", "/dev/eyespot-camera")


def test_it_has_limits_and_no_rights() -> None:
    service = unit()["Service"]
    assert (service["Restart"], service["DynamicUser"], service["DevicePolicy"]) == ("on-failure", "yes", "closed")
    assert service["DeviceAllow"].split() == ["/dev/eyespot-camera", "rw"]
    high, most = (int(service[name].removesuffix("M")) for name in ("MemoryHigh", "MemoryMax"))
    assert 100 < high < most


def test_the_rule_gives_the_name_that_the_unit_waits_for() -> None:
    (rule,) = (line for line in (FOLDER / "99-eyespot-camera.rules").read_text().splitlines() if line[0] != "#")
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
