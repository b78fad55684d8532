"""One HTML page of a run: its figures, a contact sheet for each class, and what is least certain.

It exists because a table of a million labels hides what one look at twelve pictures shows. The page stands alone: the
pictures are in it. Where the model answers for regions, its pictures are of those.
"""

import html
from collections.abc import Iterator
from pathlib import Path

from edge.answer import printable
from edge.atomic_file import replacing
from edge.batch.chosen import Chosen, Shown
from edge.batch.order import Order
from edge.batch.summary import figures, totals
from edge.batch.tally import Tally
from edge.batch.thumbnails import make_thumbnails, place_of

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
h2 { margin-top: 2rem } table { border-collapse: collapse } td { padding: .1rem 1.5rem .1rem 0 }
.sheet { display: flex; flex-wrap: wrap; gap: .75rem }
figure { margin: 0; width: 8.5rem } figcaption { font-size: 12px; overflow-wrap: anywhere }
.picture { width: 128px; height: 128px; background: #eee; display: grid; place-items: center; color: #888 }
"""


def write_report(path: Path, order: Order, chosen: Chosen, tally: Tally) -> None:
    """Write the page to `path`, whole or not at all. The pictures are read again where they lie."""
    sheets = list(_sheets(chosen, tally))
    pictures = make_thumbnails([shown for _, sheet in sheets for shown in sheet], order.max_pixels)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as page:
        page.write(f"<!doctype html><html lang=en><meta charset=utf-8><title>{_text(order.model)}</title>")
        page.write(f"<style>{STYLE}</style><h1>{_text(order.model)} {_text(order.version)}</h1>")
        page.write(f"<p>{_text(totals(tally))}</p>")
        for title, entries in figures(tally):
            cells = "".join(f"<tr><td>{_text(name)}<td>{_text(value)}" for name, value in entries)
            page.write(f"<h2>{title}</h2><table>{cells}</table>" if entries else "")
        for title, sheet in sheets:
            tiles = "".join(_tile(shown, pictures.get(place_of(shown))) for shown in sheet)
            page.write(f"<h2>{_text(title)}</h2><div class=sheet>{tiles}</div>")


def _sheets(chosen: Chosen, tally: Tally) -> Iterator[tuple[str, list[Shown]]]:
    for label, sample in chosen.classes.items():
        yield f"{label}, {len(sample)} of {tally.labels[label]:,}", sample
    yield "Least certain", chosen.least_certain
    if chosen.without_regions:
        yield f"Nothing found, {len(chosen.without_regions)} of {tally.without_regions:,}", chosen.without_regions


def _text(value: str) -> str:
    return html.escape(printable(value))


def _tile(shown: Shown, picture: str | None) -> str:
    best = f"{shown.best.label} {shown.best.probability:.1%}" if shown.best else "nothing found"
    caption = best + (", unsure" if shown.unsure else "") + (f", in {shown.text}" if shown.text else "")
    image = f'<img alt="" src="data:image/jpeg;base64,{picture}">' if picture else "changed or gone"
    name = _text(shown.row.answer.path)
    return f"<figure><div class=picture>{image}</div><figcaption>{_text(caption)}<br>{name}</figcaption></figure>"
