"""JSON that ends its line, so that an answer printed by curl does not run into what the terminal shows next."""

import json
from typing import Any

from starlette.responses import JSONResponse

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class JsonLine(JSONResponse):
    """A JSON answer with a line feed behind it."""

    def render(self, content: Any) -> bytes:
        """Return the body for `content`. Raises ValueError for a number that JSON does not know."""
        # A text with half a surrogate, which a client can send in JSON, has no UTF-8; its escape is good JSON.
        return ENCODER.encode(content).encode("utf-8", "backslashreplace") + b"\n"
