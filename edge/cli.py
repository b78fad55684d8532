"""The `eyespot` command: one table of subcommands, of which only the one that is called is imported.

Every subcommand ends the same way: 0 all done; 1 some input failed, the rest is done; 2 nothing is done, or it was
given up because too much failed; 130 interrupted.
"""

import contextlib
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from types import FrameType

from edge.arguments import Parser
from edge.errors import EyespotError, InstallationError, MissingExtraError, UsageError

DONE, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)
OWN_PACKAGES = ("edge", "export", "training", "serving")


@dataclass(frozen=True)
class Subcommand:
    """Where a subcommand lives, which extra it needs, and what it does in one line.

    The module offers `add_arguments(parser)` and `run(arguments) -> int`; its docstring is the help text. With
    `option` the module `option_module` of a heavier room, which needs `option_extra`, offers `run` in its place.
    """

    module: str
    extra: str | None
    summary: str
    option: str = ""
    option_module: str = ""
    option_extra: str = ""


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
    "verify": Subcommand(
        *("edge.commands.verify", None, "replay a model's own samples on this device"),
        *("against", "export.verify_against", "export"),
    ),
    "benchmark": Subcommand("edge.commands.benchmark", None, "measure how fast model files run on this device"),
    "info": Subcommand("edge.commands.info", None, "show what a model file says of itself"),
    "card": Subcommand("export.card.command", "export", "write a page on what a model file is and how good it is"),
    "doctor": Subcommand("edge.commands.doctor", None, "show what this machine has and what it lacks"),
    "serve": Subcommand("serving.cli", "serving", "answer over HTTP"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status; without `argv` this is the program, with it a call within one."""
    if argv is not None:
        return as_command(lambda: _dispatch(list(argv), lambda: None))
    # Modules stay. To look through them for garbage, again and again while they load, takes a tenth of a short run.
    gc.disable()
    return as_command(lambda: _dispatch(sys.argv[1:], _collect_from_here))


def as_command(body: Callable[[], int]) -> int:
    """Return the exit status of `body`; what it could not do is one line on standard error, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file name may hold bytes that are no text
    try:
        status = body()
        if sys.stdout is not None:
            sys.stdout.flush()  # at exit it would be too late to say what went wrong
    except EyespotError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("eyespot: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return SOME_FAILED
    except OSError as error:
        _discard_output()
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
    return status


def _discard_output() -> None:
    """Send what is still in the buffer nowhere, or Python would complain of it again when it ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    print(f"eyespot: {message}", file=sys.stderr)
    return NOTHING_DONE


def _dispatch(argv: list[str], when_loaded: Callable[[], None]) -> int:
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
        when_loaded()
        if subcommand.option and getattr(arguments, subcommand.option) is not None:
            with explaining_imports(f"eyespot {name} --{subcommand.option}", subcommand.option_extra):
                return int(importlib.import_module(subcommand.option_module).run(arguments))
        return int(module.run(arguments))


def _collect_from_here() -> None:
    """Let the garbage collector begin, with what was loaded so far out of its sight."""
    gc.freeze()
    gc.enable()


@contextlib.contextmanager
def explaining_imports(what: str, extra: str | None) -> Iterator[None]:
    """Turn a package that is missing in the block, or cannot be loaded, into MissingExtraError or InstallationError.

    `what` needs it, and the `extra` of eyespot would bring it; None is the base install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", *OWN_PACKAGES):
            raise
        named = f"[{extra}]" if extra else ""
        raise MissingExtraError(
            f"'{what}' needs the package {package}; install it with: pip install 'eyespot{named}'"
        ) from None
    except MissingExtraError:
        raise
    except ImportError as error:  # a package that is there but broken: a missing libGL, for instance
        raise InstallationError(f"'{what}' cannot load what it needs ({error}); see 'eyespot doctor'") from None


def usage() -> str:
    """Return the table of subcommands as text."""
    rows = [f"  {name:<14}{subcommand.summary}" for name, subcommand in SUBCOMMANDS.items()]
    return "\n".join(
        ["usage: eyespot SUBCOMMAND ...", "", *rows, "", "'eyespot SUBCOMMAND --help' says more; 'eyespot --version'."]
    )


def unknown_name(kind: str, received: str, known: Sequence[str] | dict[str, Subcommand]) -> str:
    """Return the message for a name that is not known, with the nearest one that is."""
    from difflib import get_close_matches  # only a mistake pays for it

    near = get_close_matches(received, list(known), 1)
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {received!r}; {suggestion}Known: {', '.join(known)}"


@contextlib.contextmanager
def stopping_on_signals(leave: bool = False) -> Iterator[Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets.

    A second one does what it did before, or with `leave` ends the process on the spot, without closing anything: for
    what may be cut off at any time, as the journal of a batch.
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
            os.write(2, b"\neyespot: finishing the images in hand; again to leave at once\n")  # print may be under way
        else:
            restore()
        stop.set()

    for number in SIGNALS:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()
