"""The style that the pages of eyespot share, light and dark, and their Content-Security-Policy."""

import base64
import hashlib
import re
from importlib.resources import files

STYLE = files("edge.web").joinpath("style.css").read_text(encoding="utf-8").strip()
PLACE = "/* house style */"  # of the shared style, in the style of a page


def with_style(page: str) -> str:
    """Return `page`, HTML, with the shared style in its place."""
    return page.replace(PLACE, STYLE)


def content_policy(page: str, media: str) -> str:
    """Return a policy that lets `page` run its own scripts and styles, and load what the directives `media` allow."""

    def digests(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in found)

    return (
        f"default-src 'none'; script-src {digests('script')}; style-src {digests('style')}; {media}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
