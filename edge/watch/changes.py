"""When a label has changed: after so many equal frames, and not again before a pause is over.

It exists because a model that is torn between two labels, frame by frame, would fill the log with them.
"""

from edge.classification import Classification


class Changes:
    """Tells the changes of a state that is updated with every frame.

    A state counts once `steady` frames in a row had it, and is told when at least `refractory_s` have passed since
    the last one was; one that is over by then is never told.
    """

    def __init__(self, steady: int, refractory_s: float) -> None:
        self._steady, self._refractory_s = steady, refractory_s
        self._candidate: str | None = None
        self._frames = 0
        self._told: str | None = None
        self._told_s = 0.0

    def update(self, state: str, now_s: float) -> bool:
        """Whether `state`, that of the frame at `now_s`, is a change to tell."""
        self._frames = self._frames + 1 if state == self._candidate else 1
        self._candidate = state
        resting = self._told is not None and now_s - self._told_s < self._refractory_s
        if self._frames < self._steady or state == self._told or resting:
            return False
        self._told, self._told_s = state, now_s
        return True


def state_of(classification: Classification) -> str:
    """Return in a word what a frame shows: a label, those of all faces, or the text of its glyphs."""
    if classification.regions is None:
        return "unsure" if classification.unsure else classification.predictions[0].label
    if classification.text is not None:
        return "unsure" if classification.unsure else classification.text
    if classification.unsure and classification.note:
        return classification.note
    faces = ("unsure" if region.unsure else region.predictions[0].label for region in classification.regions)
    return ", ".join(faces) or "no faces"
