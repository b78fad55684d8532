"""The `eyespot` command: one table of subcommands, of which only the one that is called is imported.

Exit status of every subcommand: 0 all done; 1 some input failed, the rest is done; 2 nothing is done, or too much
failed; 130 interrupted.
"""

import contextlib
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from types import FrameType
from typing import NamedTuple

from edge.arguments import Parser
from edge.errors import EyespotError, InstallationError, MissingExtraError, UsageError

DONE, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)
OWN_PACKAGES = ("edge", "export", "training", "serving")


class Subcommand(NamedTuple):
    """The module of a subcommand, the extra that it needs, and what it does in one line.

    The module has `add_arguments(parser)` and `run(arguments) -> int`; its docstring is the help text.
    """

    module: str
    extra: str | None
    summary: str


SUBCOMMANDS = {
    "gather": Subcommand("training.gather", "training", "fetch pictures to label from an address"),
    "annotate": Subcommand("training.annotate.command", None, "label pictures, glyphs or faces on a local page"),
    "train": Subcommand("training.command", "training", "make a classifier of photographs, or train a recipe"),
    "evaluate": Subcommand(
        "training.report.command", "training", "say how good a classifier is, and where it is wrong"
    ),
    "architecture": Subcommand("training.architecture", "training", "show the layers of a network"),
    "export": Subcommand("export.command", "export", "turn a network into one .onnx file, compared with it"),
    "adopt": Subcommand("export.adopt_command", "export", "turn a plain ONNX classifier into such a file"),
    "pretrained": Subcommand("training.pretrained.command", "export", "make the .onnx file of an ImageNet network"),
    "classify": Subcommand("edge.commands.classify", None, "say what is on images"),
    "batch": Subcommand("edge.commands.batch", "batch", "classify any number of images into a file"),
    "watch": Subcommand("edge.commands.watch", "camera", "say what a camera, a video or a folder shows"),
    "verify": Subcommand("edge.commands.verify", None, "replay a model's own samples on this device"),
    "benchmark": Subcommand("edge.commands.benchmark", None, "measure how fast model files run on this device"),
    "info": Subcommand("edge.commands.info", None, "show what a model file says of itself"),
    "card": Subcommand("export.card.command", "export", "write a page on what a model file is and how good it is"),
    "doctor": Subcommand("edge.commands.doctor", None, "show what this machine has and what it lacks"),
    "serve": Subcommand("serving.cli", "serving", "answer over HTTP"),
}
# `verify --against` is answered by another module, which needs an extra.
VERIFY_AGAINST, AGAINST_EXTRA = "export.verify_against", "export"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status. Without `argv` it is the program, with it a call within one."""
    if argv is None:
        gc.disable()  # to search for garbage while modules load takes a tenth of a short run
    return as_command(lambda: _dispatch(list(sys.argv[1:] if argv is None else argv), is_program=argv is None))


def as_command(body: Callable[[], int]) -> int:
    """Return the exit status of `body`; an error is one line on standard error, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file name may hold bytes that are not UTF-8
    try:
        status = body()
        if sys.stdout is not None:
            sys.stdout.flush()  # at exit it would be too late to report an error
        return status
    except EyespotError as error:
        message = str(error)
    except KeyboardInterrupt:
        print("eyespot: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            # Python would try once more to write what is buffered, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return SOME_FAILED
        message = f"{error.filename or 'input or output'}: {error.strerror or error}"
    print(f"eyespot: {message}", file=sys.stderr)
    return NOTHING_DONE


def _dispatch(argv: list[str], is_program: bool) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(usage(), file=sys.stdout if argv else sys.stderr)
        return DONE if argv else NOTHING_DONE
    name, *rest = argv
    if name == "--version":
        from importlib.metadata import version

        print(f"eyespot {version('eyespot')}")
        return DONE
    if (subcommand := SUBCOMMANDS.get(name)) is None:
        raise UsageError(unknown_name("subcommand", name, SUBCOMMANDS))
    with explaining_imports(f"eyespot {name}", subcommand.extra):
        module = importlib.import_module(subcommand.module)
        parser = Parser(f"eyespot {name}", module.__doc__)
        module.add_arguments(parser)
        arguments = parser.parse(rest)
        if is_program:
            gc.freeze()  # the modules stay; no later search looks at them
            gc.enable()
        if getattr(arguments, "against", None) is not None:
            with explaining_imports("eyespot verify --against", AGAINST_EXTRA):
                return int(importlib.import_module(VERIFY_AGAINST).run(arguments))
        return int(module.run(arguments))


@contextlib.contextmanager
def explaining_imports(what: str, extra: str | None) -> Iterator[None]:
    """Turn a package that is missing in the block, or cannot be loaded, into MissingExtraError or InstallationError.

    `what` needs it, and the `extra` of eyespot would install it; None is the base install.
    """
    try:
        yield
    except MissingExtraError:
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", *OWN_PACKAGES):
            raise
        remedy = f"pip install 'eyespot{f'[{extra}]' if extra else ''}'"
        raise MissingExtraError(f"'{what}' needs the package {package}; install it with: {remedy}") from None
    except ImportError as error:  # an installed package that is broken: a missing libGL, for instance
        raise InstallationError(f"'{what}' cannot load what it needs ({error}); see 'eyespot doctor'") from None


def usage() -> str:
    """Return the help of `eyespot`: the table of subcommands."""
    rows = "\n".join(f"  {name:<14}{subcommand.summary}" for name, subcommand in SUBCOMMANDS.items())
    return f"usage: eyespot SUBCOMMAND ...\n\n{rows}\n\n'eyespot SUBCOMMAND --help' says more; 'eyespot --version'."


def unknown_name(kind: str, received: str, known: Sequence[str] | dict[str, Subcommand]) -> str:
    """Return the message for a name that is not known, with the nearest one that is."""
    from difflib import get_close_matches  # only a mistake pays for it

    begun = [name for name in known if received and name.startswith(received)]
    near = begun or get_close_matches(received, list(known), 1)
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {received!r}; {suggestion}Known: {', '.join(known)}"


@contextlib.contextmanager
def stopping_on_signals(leave: bool = False) -> Iterator[Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets.

    A second one does what it did before, or with `leave` ends the process at once, without closing anything: for a
    command that can be cut off at any time, as a batch.
    """
    stop = Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        if leave:
            os.write(2, b"\neyespot: finishing the images in work; again to leave at once\n")  # print is not reentrant
        else:
            restore()
        stop.set()

    for number in SIGNALS:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()
