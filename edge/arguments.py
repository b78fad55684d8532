"""What commands share: exit statuses, how they end, the parser, types of values, and options that load a classifier.

Exit status of every command: 0 all done; 1 some input failed, the rest is done; 2 nothing is done, or too much
failed; 130 interrupted.
"""

import argparse
import contextlib
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from edge.errors import EyespotError, UsageError, nearest

if TYPE_CHECKING:
    from edge.classifier import Classifier
    from edge.spec import Faces, Glyphs

T = TypeVar("T", int, float)

DONE, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets. A second one ends the process without closing anything."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        os.write(2, b"\neyespot: finishing what is in work; again to leave at once\n")  # print is not reentrant
        stop.set()

    before = [(number, signal.signal(number, on_signal)) for number in SIGNALS]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


class Parser(argparse.ArgumentParser):
    """argparse's parser, but an error is one line, which suggests the nearest option for an unknown one."""

    def __init__(self, prog: str, description: str | None) -> None:
        # Each option that is added makes a formatter, which without a width loads shutil to find that of the terminal.
        narrow = partial(argparse.HelpFormatter, width=80)
        super().__init__(prog, description=description, formatter_class=narrow)

    def error(self, message: str) -> NoReturn:
        """End the program with status 2 and `message`, without the usage."""
        self.exit(2, f"eyespot: {message} (see '{self.prog} --help')\n")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the arguments. Ends the program with status 2 and one line if some are unknown."""
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        arguments, unknown = self.parse_known_args(words)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            option = next((text.partition("=")[0] for text in unknown if text.startswith("-")), "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{nearest(option, known)}")
        return arguments


def _number(kind: Callable[[str], T], rule: str, holds: Callable[[T], bool]) -> Callable[[str], T]:
    """Return a type for argparse: a number that keeps a rule."""

    def convert(text: str) -> T:
        value = kind(text)
        if not holds(value):
            raise argparse.ArgumentTypeError(f"must be {rule}. Received: {text}")
        return value

    convert.__name__ = kind.__name__  # argparse shows it
    return convert


positive = _number(int, "at least 1", lambda value: value >= 1)
count = _number(int, "0 or more", lambda value: value >= 0)
port_number = _number(int, "0 to 65535", lambda value: 0 <= value < 1 << 16)  # 0 is any free one
not_below_zero = _number(float, "0 or more", lambda value: 0 <= value < math.inf)
above_zero = _number(float, "above 0", lambda value: 0 < value < math.inf)
share = _number(float, "above 0 and below 1", lambda value: 0 < value < 1)
probability = _number(float, "0 to 1", lambda value: 0 <= value <= 1)


def count_or_share(text: str) -> float:
    """Return `10` as an integer, and `2.5%`, a share, as a float."""
    value = float(text.removesuffix("%")) / 100 if text.endswith("%") else int(text)
    if not 0 <= value <= (1 if text.endswith("%") else math.inf):
        raise argparse.ArgumentTypeError(f"must be a number or a share such as 2%. Received: {text}")
    return value


def add_classifier_options(parser: argparse.ArgumentParser) -> None:
    """Declare MODEL and how its answers are made."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="an .onnx file written by 'eyespot export'")
    unsure = "say unsure below this probability, 0 to 1, or below the model's own threshold if that is higher"
    add("--min-probability", type=probability, default=0.0, metavar="P", help=unsure)
    regions = "look for 'faces' or 'glyphs:COUNT', or 'none' for the whole picture (default: as the model says)"
    add("--regions", type=parse_regions, metavar="WHAT", help=regions)


def load_classifier(arguments: argparse.Namespace, threads: int | None = None) -> "Classifier":
    """Return the classifier of `arguments`. Raises as `Classifier.load`, and UsageError for another kind of file."""
    from edge.classifier import Classifier  # --help does without NumPy, Pillow and onnxruntime
    from edge.sources import is_image_name

    model = Path(arguments.model)
    if is_image_name(model.name) and not model.is_dir():
        raise UsageError(f"MODEL comes first, then the images. Received: {model} as MODEL")
    if model.suffix in (".keras", ".h5"):
        raise UsageError(f"MODEL is an .onnx file. Received: {model}, a Keras network; export it first: eyespot export")
    return Classifier.load(
        model,
        arguments.threads or 0 if threads is None else threads,
        min_probability=arguments.min_probability,
        regions=arguments.regions,
    )


def parse_regions(text: str) -> "Faces | Glyphs | Literal['none']":
    """Return `none`, `faces` or `glyphs:COUNT` as regions."""
    from edge.spec import Faces, Glyphs

    kind, separator, count = text.partition(":")
    if text == "none":
        return "none"
    if text == "faces":
        return Faces()
    if kind == "glyphs" and separator and count.isascii() and count.isdecimal() and 0 < int(count[:9]) < 1000:
        return Glyphs(int(count))
    raise argparse.ArgumentTypeError(f"must be none, faces or glyphs:COUNT, as in glyphs:4. Received: {text!r}")
