"""The loop: a frame, its answer, and all who want to know of it."""

import math
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from threading import Event
from time import monotonic

from edge.classifier import Classifier
from edge.drawing import annotate
from edge.errors import OutputError
from edge.watch.changes import state_of
from edge.watch.frame import Frame
from edge.watch.lines import Observation, Write
from edge.watch.recorder import Recorder
from edge.watch.source import Say, Source
from edge.watch.viewer import Viewer


def watch(
    classifier: Classifier,
    source: Source,
    stop: Event,
    writes: Sequence[Write],
    top_k: int,
    seconds: float = math.inf,
) -> int:
    """Classify frames until the source ends or `stop` is set, a video at most to `seconds`; return how many it were.

    Raises SourceError. The source is released when this returns or raises.
    """
    classified = 0
    with closing(source.frames(stop)) as frames:
        for frame in frames:
            if frame.position_s is not None and frame.position_s >= seconds:
                source.tally.skipped += 1
                break
            seen = observe(classifier, frame, top_k, source.tally.dropped)
            classified += seen.classification is not None
            for write in writes:
                write(seen)
    return classified


def observe(classifier: Classifier, frame: Frame, top_k: int, dropped: int) -> Observation:
    """Return the answer for `frame`, with how long it waited and how long that took."""
    begun_s = monotonic()
    answer = classifier.classify(frame.image, top_k) if frame.image else None
    return Observation(frame, answer, begun_s - frame.taken_s, monotonic() - begun_s, dropped)


def recording(recorder: Recorder, source: Source, say: Say) -> Write:
    """Return a function that writes what is seen into a video; a disk that is full ends the video, not the watch."""

    def write(seen: Observation) -> None:
        if recorder.failed or seen.frame.image is None or seen.classification is None:
            return
        try:
            recorder.write(seen.frame, annotate(seen.frame.image.pixels, seen.classification), source.fps)
        except OutputError as error:
            recorder.give_up()
            say(str(error))

    return write


def viewing(viewer: Viewer, source: Source) -> Write:
    """Return a function that shows what is seen on the page."""

    def write(seen: Observation) -> None:
        if seen.frame.image is None or seen.classification is None:
            return
        draw = partial(annotate, seen.frame.image.pixels, seen.classification)
        viewer.publish(draw, seen.frame.timestamp, partial(_status, seen, source))

    return write


def _status(seen: Observation, source: Source) -> dict[str, object]:
    return {
        "state": state_of(seen.classification) if seen.classification else None,
        "frame": seen.frame.number,
        "dropped": source.tally.dropped,
        "connected": source.connected,
    }
