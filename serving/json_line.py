"""JSON that ends its line, so that an answer printed by curl does not run into what the terminal shows next."""

from typing import Any

from starlette.responses import JSONResponse


class JsonLine(JSONResponse):
    """A JSON answer with a line feed behind it."""

    def render(self, content: Any) -> bytes:
        """Return the body for `content`. Raises ValueError for a number that JSON does not know."""
        return super().render(content) + b"\n"
