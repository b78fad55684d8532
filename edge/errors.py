"""The one tree of errors that all packages raise; each leaf is also the standard type that a caller would expect."""

from typing import Self


def reason_of(error: BaseException) -> str:
    """Return the first line of what a library's exception says, or what kind it is where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class EyespotError(Exception):
    """The root: a message that states the rule, what was received and the remedy."""


class UsageError(EyespotError, ValueError):
    """The call is wrong: an option, an argument or a combination of them."""


class ModelError(EyespotError, ValueError):
    """A model file that cannot be read, or that does not hold a valid artifact."""


class ModelNotFoundError(EyespotError, FileNotFoundError):
    """A model path that names no file."""


class ImageError(EyespotError, ValueError):
    """One image that has no pixels to offer.

    `code` is stable: `not_found`, `unreadable`, `empty`, `not_an_image`, `unsupported_format`, `corrupt`,
    `too_many_pixels` or `too_many_bytes`; in a batch also `failed`, where not the image but the work on it went wrong.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.code, str(self))  # so that it survives the way between two processes


class SourceError(EyespotError, OSError):
    """A camera, a video, a stream or a folder that cannot be watched, or an address that gives no pictures."""


class OutputError(EyespotError, OSError):
    """A result that cannot be written: a full disk, a folder that is read-only, another run that writes it."""


class DatasetError(EyespotError, ValueError):
    """A data set that cannot be trained on."""


class DivergenceError(EyespotError, ArithmeticError):
    """A training whose loss is no longer a finite number."""


class WorkerLostError(EyespotError, ConnectionError):
    """Another worker of a training on several machines that cannot be reached, or stopped."""


class ParityError(EyespotError, ArithmeticError):
    """Two runtimes that disagree about the same image by more than the tolerance."""


class MissingExtraError(EyespotError, ImportError):
    """A package that an optional extra of eyespot would have installed."""


class InstallationError(EyespotError, RuntimeError):
    """An environment that cannot run models: no onnxruntime, or several of them on top of each other."""
