"""Say what a run came to: a line for everyone, and a page of figures for `--summary`."""

from collections.abc import Iterator

from edge.answer import printable
from edge.batch.tally import Tally

PERCENTILES = (0.5, 0.95, 0.99)


def totals(tally: Tally) -> str:
    """Return the totals, which add up: every input was classified or failed; regions are counted apart."""
    classified = tally.rows - tally.failed
    unsure = f" ({tally.unsure:,} unsure)" if tally.unsure else ""
    searched = f"; {_counted(tally.answers, 'region')}, {_counted(tally.without_regions, 'image')} without"
    regions = searched if tally.searched else ""
    return f"{_counted(tally.rows, 'input')}: {classified:,} classified{unsure}, {tally.failed:,} failed{regions}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s'[: count != 1]}"


def figures(tally: Tally) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the parts of the summary, each a title with names and values, most frequent first."""
    title = "classes of regions" if tally.searched else "classes"
    yield title, [(name, f"{n:,}  {n / tally.answers:.1%}") for name, n in tally.labels.most_common()]
    yield "failures", [(code, f"{n:,}") for code, n in tally.codes.most_common()]
    earlier = tally.rows - tally.computed
    yield (
        "speed",
        [
            ("inputs a second", f"{tally.rate:,.1f}"),
            ("seconds", f"{tally.seconds:,.1f}" + (f", without {earlier:,} rows that were there" if earlier else "")),
            ("bytes", f"{tally.bytes:,}"),
            *(
                (f"latency p{share:.0%}".rstrip("%"), f"{tally.latency_s(share) * 1e3:,.1f} ms")
                for share in PERCENTILES
            ),
        ],
    )


def as_text(tally: Tally) -> str:
    """Return the whole summary for a terminal."""
    parts = [(title, entries) for title, entries in figures(tally) if entries]
    width = max(len(printable(name)) for _, entries in parts for name, _ in entries)
    lines = [totals(tally)]
    for title, entries in parts:
        lines += [f"{title}:", *(f"  {printable(name):<{width}}   {value}" for name, value in entries)]
    return "\n".join(lines)
