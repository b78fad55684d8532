"""How well a model did class by class, counted, and small enough to travel inside the file.

It exists because whoever has only the file must be able to see where the model is wrong. A full confusion
matrix of 1,000 classes would be larger than many models; three counts a class and the most frequent
confusions are not, and up to 20 classes they are the whole matrix.
"""

from dataclasses import dataclass

# A matrix of 20 classes has 380 cells off its diagonal.
MOST_CONFUSIONS = 400


@dataclass(frozen=True)
class Confusion:
    """`count` images that show class `true` and were called `predicted`; both are places in the labels."""

    true: int
    predicted: int
    count: int


@dataclass(frozen=True)
class ClassCounts:
    """Counts of images, each in the order of the labels, and the most frequent confusions first.

    `shown` counts the images that show a class, `called` those that were called so, `right` those that were both.
    """

    shown: tuple[int, ...]
    called: tuple[int, ...]
    right: tuple[int, ...]
    confusions: tuple[Confusion, ...]

    def __post_init__(self) -> None:
        if not len(self.shown) == len(self.called) == len(self.right):
            raise ValueError("class counts: there must be as many of each kind")
        if sum(self.shown) != sum(self.called):
            raise ValueError("class counts: as many images must be called something as show something")
        if not all(0 <= right <= min(both) for right, *both in zip(self.right, self.shown, self.called, strict=True)):
            raise ValueError("class counts: no more images of a class can be right than show it or were called so")
        for confusion in self.confusions:
            places = (confusion.true, confusion.predicted)
            if not all(0 <= place < len(self.shown) for place in places) or confusion.count < 1:
                raise ValueError(f"class counts: this is no confusion of these classes: {confusion}")

    @property
    def wrong(self) -> int:
        """How many images were called something that they do not show."""
        return sum(self.shown) - sum(self.right)

    @property
    def is_complete(self) -> bool:
        """Whether every confusion is listed, so that the whole matrix is known."""
        return sum(confusion.count for confusion in self.confusions) == self.wrong

    def recall(self, place: int) -> float | None:
        """Return the share, 0 to 1, of the images of a class that were called so; None if there were none."""
        return self.right[place] / self.shown[place] if self.shown[place] else None

    def precision(self, place: int) -> float | None:
        """Return the share, 0 to 1, of the images called so that show the class; None if none was."""
        return self.right[place] / self.called[place] if self.called[place] else None
