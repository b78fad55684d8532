"""Which frames are wanted: every n-th, and no more than so many a second."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Every `every`-th frame of the source, and at most `max_fps` of them a second (None: all)."""

    every: int = 1
    max_fps: float | None = None

    @property
    def interval_s(self) -> float:
        """The shortest time between two frames."""
        return 1 / self.max_fps if self.max_fps else 0.0
