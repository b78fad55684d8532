import argparse
from collections.abc import Callable

import pytest

from edge.arguments import seed_number
from edge.errors import UsageError
from training.fundamentals.command import command_parser, run_command


def raising(error: Exception) -> Callable[[argparse.Namespace], int]:
    def body(_: argparse.Namespace) -> int:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("it must be so"), "eyespot: it must be so\n"),
        (FileNotFoundError(2, "No such file", "a.png"), "eyespot: a.png: No such file\n"),
        (OSError("the disk is full"), "eyespot: input or output: the disk is full\n"),
    ],
    ids=["rule", "file", "disk"],
)
def test_a_mistake_is_one_line_and_status_2(error: Exception, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command_parser("losses", "what"), [], raising(error)) == 2
    assert capsys.readouterr() == ("", line)


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(command_parser("losses", "what"), [], raising(ZeroDivisionError()))


def test_the_status_is_that_of_the_body() -> None:
    assert run_command(command_parser("losses", "what"), [], lambda _: 7) == 7


def test_the_help_keeps_the_lines_of_the_description() -> None:
    assert "first\n    second: 98 %\n" in command_parser("losses", "first\n    second: 98 %").format_help()


def test_a_seed_is_what_every_generator_takes() -> None:
    assert (seed_number("0"), seed_number("4294967295")) == (0, 4294967295)
    for text in ("-1", "4294967296"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"Received: {text}"):
            seed_number(text)


def test_a_mistyped_option_is_one_line_with_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    parser = command_parser("losses", "what")
    parser.add_argument("--epochs")
    with pytest.raises(SystemExit, match="2"):
        run_command(parser, ["--epoch=3", "--epohcs", "3"], lambda _: 0)
    assert capsys.readouterr().err == (
        "eyespot: unrecognized arguments: --epohcs 3; did you mean '--epochs'? "
        "(see 'python -m training.fundamentals.losses --help')\n"
    )
