"""What the pages that eyespot serves share: their style, light and dark, and what they may load."""

import base64
import hashlib
import re

# Stands in the style of a page where `STYLE` belongs.
PLACE = "/* house style */"
STYLE = """:root { color-scheme: light dark; --ground: #fafaf7; --card: #ffffff; --ink: #1c1c1a; --soft: #5c5c57;
  --line: #cfcfc8; --bar: #2f6f4f; --bad: #a3260f; --focus: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #161614; --card: #20201d; --ink: #ecece6; --soft: #a9a9a1; --line: #45453f; --bar: #6fc79b;
    --bad: #ff9a84; --focus: #8ab4f8; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
select, input, button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--soft);
  border-radius: 0.4rem; padding: 0.4rem 0.7rem; }
select, input { height: 2.5rem; }
button { cursor: pointer; margin: 0.2rem 0.1rem; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.quiet { color: var(--soft); font-size: 0.875rem; margin: 0; }
.bad { color: var(--bad); font-weight: 600; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }"""


def with_style(page: str) -> str:
    """Return `page` with the shared style in its place."""
    return page.replace(PLACE, STYLE)


def content_policy(page: str, media: str) -> str:
    """Return a Content-Security-Policy that lets `page` run its own script and style, and load nothing else.

    `media` are the directives for pictures and films.
    """

    def digests(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in found)

    return (
        f"default-src 'none'; script-src {digests('script')}; style-src {digests('style')}; {media}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
