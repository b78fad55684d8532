"""The errors that all packages raise; each is also the standard type that a caller would expect."""

from typing import Self


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
