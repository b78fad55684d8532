"""What the service can be told, in one typed place.

Workers are processes of their own that BentoML starts, so settings travel to them in the environment.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from edge.decode import MAX_PIXELS
from edge.errors import UsageError

PREFIX = "EYESPOT_"
MAX_BODY_BYTES = 32 << 20
# More digits than any limit has; without it, a text of thousands would have to be converted first.
LONGEST_NUMBER = 18


@dataclass(frozen=True)
class Settings:
    """The model to serve, and the largest request body and picture that are accepted."""

    model: str
    max_body_bytes: int = MAX_BODY_BYTES
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        for name in ("max_body_bytes", "max_pixels"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1. Received: {getattr(self, name)}")

    def to_environment(self) -> dict[str, str]:
        """Return the settings as environment variables, `EYESPOT_` and the name in capitals."""
        return {f"{PREFIX}{f.name.upper()}": str(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the settings that environment variables hold. Raises UsageError for a wrong or missing one."""
        values: dict[str, str | int] = {}
        for setting in fields(cls):
            variable = f"{PREFIX}{setting.name.upper()}"
            text = environment.get(variable)
            if text is None:
                continue
            if setting.type is int and not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
                raise UsageError(f"{variable} must be a whole number. Received: {text[:40]!r}")
            values[setting.name] = int(text) if setting.type is int else text
        if "model" not in values:
            raise UsageError(f"{PREFIX}MODEL must name an .onnx file written by 'eyespot export', or a tag of BentoML")
        return cls(**values)  # type: ignore[arg-type]  # each was made what its field says
