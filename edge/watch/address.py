"""What the word after MODEL names: a camera by number or device, a stream by URL, a video file, or a folder."""

import os
import re
import stat
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from edge.errors import SourceError, UsageError

SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "rtp", "srt", "tcp")

Kind = Literal["camera", "stream", "video", "folder"]


@dataclass(frozen=True)
class Address:
    """`kind` says how to read it, `target` is what OpenCV takes, and `name` is what messages may show."""

    kind: Kind
    target: str
    name: str


def parse_address(text: str) -> Address:
    """Return what `text` names. Raises UsageError for an unknown scheme, SourceError for a path that leads nowhere."""
    if text.isascii() and text.isdecimal():
        return Address("camera", f"/dev/video{int(text[:9])}", f"camera {int(text[:9])}")
    if match := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text):
        scheme = match[1].lower()
        if scheme not in SCHEMES:
            raise UsageError(f"a stream must be one of {', '.join(SCHEMES)}. Received: {scheme}://")
        return Address("stream", text, without_password(text))
    if os.path.isdir(text):
        return Address("folder", text, text)
    try:
        mode = os.stat(text).st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{text}: no camera number, URL, video or folder has this name ({reason})") from None
    if stat.S_ISCHR(mode):
        return Address("camera", text, f"camera {text}")
    return Address("video", os.path.abspath(text), text)


def without_password(url: str) -> str:
    """Return `url` as it may stand in a log: without the password that cameras are often addressed with."""
    try:
        secret = urlsplit(url).password
    except ValueError:
        return url.partition("://")[0] + "://..."
    return url.replace(f":{secret}@", ":***@", 1) if secret else url
