"""`Record`: what the manifest says of one gathered picture."""

from dataclasses import dataclass

from training.numbered_name import NUMBERED_NAME


@dataclass(frozen=True)
class Record:
    """One picture: its file in the folder, its SHA-256 in hexadecimal, where and when (UTC) it came from.

    `url` is where redirects ended, `source` the address that was given.
    """

    file: str
    sha256: str
    url: str
    time: str
    bytes: int
    source: str

    def __post_init__(self) -> None:
        if not NUMBERED_NAME.fullmatch(self.file):
            raise ValueError(f"file must be a number and a suffix. Received: {self.file!r}")
