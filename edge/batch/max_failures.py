"""How many inputs may fail before a run is stopped, since what fails by the thousand is rarely the images."""

from dataclasses import dataclass

from edge.batch.tally import Tally

# A share says little of fewer rows than these; at the end it counts whatever their number.
ROWS_FOR_SHARE = 100


@dataclass(frozen=True)
class MaxFailures:
    """A number of failures, or a `share` of all rows (0 to 1), that may not be passed."""

    count: int | None = None
    share: float | None = None

    def passed(self, tally: Tally, at_end: bool = False) -> bool:
        """Whether more have failed than may."""
        if self.count is not None:
            return tally.failed > self.count
        if self.share is None or (tally.rows < ROWS_FOR_SHARE and not at_end):
            return False
        return tally.failed > self.share * tally.rows


def parse_max_failures(text: str) -> MaxFailures:
    """Return what `10` or `2.5%` says. Raises ValueError for anything else."""
    if not text.endswith("%"):
        count = int(text)
        if count < 0:
            raise ValueError(text)
        return MaxFailures(count=count)
    share = float(text.removesuffix("%")) / 100
    if not 0 <= share <= 1:
        raise ValueError(text)
    return MaxFailures(share=share)
