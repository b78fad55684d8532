"""The errors that all packages raise; each is also the standard type that a caller would expect."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

OWN_PACKAGES = ("edge", "export", "training", "serving", "eyespot")


def reason_of(error: BaseException) -> str:
    """Return the first line of a library's exception, or its type where it has no message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class EyespotError(Exception):
    """The root. A message says which rule was broken, what was received and what to do."""


class UsageError(EyespotError, ValueError):
    """The call is wrong: an option, an argument or a combination of them."""


class ModelError(EyespotError, ValueError):
    """A model file that cannot be read, or that is no valid artifact."""


class ModelNotFoundError(EyespotError, FileNotFoundError):
    """A model path that names no file."""


class ImageError(EyespotError, ValueError):
    """One image that cannot be classified.

    `code` is stable: `not_found`, `unreadable`, `empty`, `not_an_image`, `unsupported_format`, `corrupt`,
    `too_many_pixels` or `too_many_bytes`; in a batch also `failed`, where the work on the image went wrong.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.code, str(self))  # so that it can be pickled


class SourceError(EyespotError, OSError):
    """A camera, a video, a stream or a folder that cannot be watched, or an address that gives no pictures."""


class OutputError(EyespotError, OSError):
    """A result that cannot be written: a full disk, a read-only folder, another run that writes it."""


class DatasetError(EyespotError, ValueError):
    """A data set that cannot be trained on."""


class DivergenceError(EyespotError, ArithmeticError):
    """A training whose loss is no longer a finite number."""


class ParityError(EyespotError, ArithmeticError):
    """Two runtimes whose answers for the same image differ by more than the tolerance."""


class MissingExtraError(EyespotError, ImportError):
    """A package that an optional extra of eyespot would have installed."""


class InstallationError(EyespotError, RuntimeError):
    """An environment that cannot run models: no onnxruntime, or several that overwrite each other."""


@contextmanager
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


def unknown_name(kind: str, received: str, known: Iterable[str]) -> str:
    """Return the message for a name that is not known, with the nearest one that is."""
    known = list(dict.fromkeys(known))
    return f"unknown {kind} {received!r}{nearest(received, known) or '.'} Known: {', '.join(known)}"


def nearest(received: str, known: Iterable[str]) -> str:
    """Return a question whether the nearest of `known` was meant, an empty string where none is near."""
    from difflib import get_close_matches  # only a mistake pays for it

    known = list(known)
    near = [name for name in known if received and name.startswith(received)] or get_close_matches(received, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
