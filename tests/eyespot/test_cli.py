"""The table of subcommands: what it imports, and how every way to end ends."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from edge.arguments import DONE, INTERRUPTED, NOTHING_DONE, SOME_FAILED
from edge.errors import UsageError
from eyespot.cli import SUBCOMMANDS, main
from tests.edge.pictures import noise, png

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
HEAVY = {
    *("tensorflow", "keras", "onnx", "tf2onnx", "bentoml", "matplotlib", "sklearn"),
    *("pandas", "scipy", "starlette", "export", "training", "serving"),
}

Ending = Callable[[BaseException], None]

# Output is buffered for users; a test environment may say otherwise.
USER = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

# Runs sys.argv[1:] as the installed command does and prints the names of the modules that were loaded.
RUN_AND_LIST = """
import json, sys
from eyespot.cli import main
code = main(sys.argv[1:])
print("\\n" + json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(png(noise(9, 11, 3)))
    return path


def loaded_by(*arguments: str | Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST, *arguments], capture_output=True, text=True, check=True, env=USER
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == DONE, done.stderr
    return set(modules)


def test_the_names_of_edge_are_there_when_they_are_used() -> None:
    import edge

    for name in edge.__all__:
        assert getattr(edge, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'edge' has no attribute 'Clasifier'"):
        edge.Clasifier  # noqa: B018


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=lambda value: value[0])
def test_help_loads_no_package(arguments: list[str]) -> None:
    assert not {"numpy", "PIL", "cv2", "onnxruntime", "msgspec", *HEAVY} & loaded_by(*arguments)


def test_classify_and_verify_load_the_runtime_and_nothing_heavier(tiny_model: Path, picture: Path) -> None:
    for arguments in (["classify", tiny_model, picture], ["verify", tiny_model]):
        loaded = loaded_by(*arguments)
        assert {"numpy", "PIL", "onnxruntime"} <= loaded
        assert not {"cv2", "tqdm", "concurrent", *HEAVY} & loaded


def test_the_package_runs_as_the_command_does() -> None:
    for words in (["info", "no-such.onnx"], ["--help"]):
        ours, theirs = (
            subprocess.run([*program, *words], capture_output=True, check=False, env=USER)
            for program in ([EYESPOT], [sys.executable, "-m", "eyespot"])
        )
        assert (theirs.returncode, theirs.stdout, theirs.stderr) == (ours.returncode, ours.stdout, ours.stderr)


@pytest.mark.parametrize(
    ("name", "near"), [("clasify", "classify"), ("verfy", "verify"), ("trian", "train"), ("zebra", None), ("", None)]
)
def test_an_unknown_subcommand_names_the_nearest(
    name: str, near: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "m.onnx"]) == NOTHING_DONE
    suggestion = f"; did you mean {near!r}?" if near else "."
    expected = f"eyespot: unknown subcommand {name!r}{suggestion} Known: {', '.join(SUBCOMMANDS)}\n"
    assert capsys.readouterr() == ("", expected)


@pytest.mark.parametrize("name", [name for name, subcommand in SUBCOMMANDS.items() if subcommand.extra])
def test_a_missing_extra_is_one_line_that_names_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(_: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'keras.ops'", name="keras.ops")

    monkeypatch.setattr(importlib, "import_module", lacking)
    assert main([name]) == NOTHING_DONE
    extra = SUBCOMMANDS[name].extra
    expected = f"eyespot: 'eyespot {name}' needs the package keras; install it with: pip install 'eyespot[{extra}]'\n"
    assert capsys.readouterr() == ("", expected)


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Ending:
    """Let `eyespot info` end with an error."""

    def end_with(error: BaseException) -> None:
        def run(_: object) -> int:
            raise error

        module = ModuleType("ending")
        module.add_arguments = lambda _: None  # type: ignore[attr-defined]
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setattr(importlib, "import_module", lambda _: module)

    return end_with


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("count must be 1"), NOTHING_DONE, "eyespot: count must be 1\n"),
        (PermissionError(13, "Permission denied", "out.json"), NOTHING_DONE, "eyespot: out.json: Permission denied\n"),
        (OSError(28, "No space left on device"), NOTHING_DONE, "eyespot: input or output: No space left on device\n"),
        (OSError("odd"), NOTHING_DONE, "eyespot: input or output: odd\n"),
        (KeyboardInterrupt(), INTERRUPTED, "eyespot: interrupted\n"),
    ],
    ids=["usage", "permission", "disk", "other", "ctrl-c"],
)
def test_every_end_has_its_status_and_one_line(
    ending: Ending, error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(error)
    assert main(["info"]) == status
    assert capsys.readouterr() == ("", line)


def test_ctrl_c_ends_with_130_and_one_line(tiny_model: Path, picture: Path) -> None:
    command = [EYESPOT, "classify", tiny_model, picture, "-", "--json"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=USER,
        # Where the tests themselves run in the background, the shell has made them, and so their children, deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["error"] is None
        process.send_signal(signal.SIGINT)  # while it waits for standard input
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (INTERRUPTED, "eyespot: interrupted\n")


def test_a_reader_that_leaves_early_ends_it_without_a_word(tiny_model: Path, picture: Path) -> None:
    command = [EYESPOT, "classify", tiny_model, picture, "-", picture, "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=USER
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()  # as 'head -1' does; only now does it get the second picture
        _, errors = process.communicate(picture.read_bytes(), timeout=20)
    assert (process.returncode, errors) == (SOME_FAILED, b"")


@pytest.mark.parametrize("name", ["info", "verify", "classify"])
def test_a_full_disk_is_one_line(name: str, tiny_model: Path, picture: Path) -> None:
    arguments = [tiny_model, picture] if name == "classify" else [tiny_model]
    with open("/dev/full", "w") as full:
        done = subprocess.run([EYESPOT, name, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, env=USER)
    assert done.returncode == NOTHING_DONE
    assert done.stderr == b"eyespot: input or output: No space left on device\n"


def test_the_option_that_was_meant_is_suggested(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["info", str(tiny_model), "--jsno"])
    assert "unrecognized arguments: --jsno; did you mean '--json'? (see" in capsys.readouterr().err
