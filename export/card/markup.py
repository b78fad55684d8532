"""The few pieces of HTML that the sections of a card are made of; all that comes from outside is escaped here."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def text(value: object) -> str:
    """Return `value` as text that is safe between tags and in quoted attributes; control characters are spelled out."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(value))
    return html.escape(plain)


def label(value: str) -> str:
    """Return a label in a cage of its own, so that one written from right to left turns nothing else around."""
    return f"<bdi>{text(value)}</bdi>"


def section(identifier: str, title: str, *parts: str) -> str:
    """Return a section with its heading."""
    body = "\n".join(parts)
    return f'<section aria-labelledby="{identifier}"><h2 id="{identifier}">{text(title)}</h2>\n{body}\n</section>'


def facts(rows: dict[str, str]) -> str:
    """Return names with their values, which are HTML already."""
    pairs = "".join(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in rows.items())
    return f"<dl>{pairs}</dl>"


@dataclass(frozen=True)
class Shaded:
    """A cell of a table, HTML already, whose class and share, 0 to 1, decide how the style sheet shades it."""

    body: str
    kind: str
    share: float


def table(caption: str, head: Iterable[str], rows: Iterable[Sequence[str | Shaded]], style: str = "") -> str:
    """Return a table whose first column names the rows; all cells are HTML already.

    It scrolls by itself where the page is too narrow, with the keyboard too.
    """
    headings = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = "".join(f'<tr><th scope="row">{row[0]}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows)
    return (
        f'<div class="wide" role="region" aria-label="{text(caption)}" tabindex="0"><table class="{style}">'
        f"<caption>{text(caption)}</caption><thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _cell(cell: str | Shaded) -> str:
    if isinstance(cell, str):
        return f"<td>{cell}</td>"
    return f'<td class="{cell.kind}" style="--share:{cell.share:.3f}">{cell.body}</td>'


def details(summary: str, body: str) -> str:
    """Return `body` folded away below one line."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>"
