"""Measure one configuration: `python -m edge.tune.measure` is the process that each of them has to itself.

It exists because memory that one model has taken cannot be told from that of the next in the same process, and because
threads of one session would still spin beside another. It prints one line of JSON: a `Turn`, or `{"error": ...}`.
"""

import json
import re
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Classifier
from edge.decode import read_image
from edge.errors import EyespotError
from edge.self_test import require_self_test
from edge.tune.configuration import Configuration

# The frame of a small camera, and a part of it where the model classifies regions.
FRAME_PX, REGION_PX = (480, 640), (120, 120)
WARM_UP_RUNS, WARM_UP_S = 3, 0.1
LEAST_RUNS, MOST_RUNS = 3, 2_000


@dataclass(frozen=True)
class Turn:
    """Seconds from the pixels of an image to what is said of it, and the most memory that was held.

    There is one number for each run after the warm-up; where images share a run, it is the share of one of them.
    """

    seconds: tuple[float, ...]
    peak_bytes: int


def take_turn(told: Configuration, measured_s: float, image: str | None) -> Turn:
    """Return what it takes to classify the file `image`, or a made picture, again and again for `measured_s` seconds.

    Raises EyespotError for files that cannot be used, and for a model that fails its own samples here.
    """
    model = str(told.path)
    classifier = Classifier.load(model, told.threads, spinning=told.spinning, many=told.many, regions="none")
    if classifier.spec.self_test:
        require_self_test(classifier, model)
    size = REGION_PX if classifier.spec.regions else FRAME_PX
    pixels = read_image(image).pixels if image else made_picture(*size)
    images = [pixels] * classifier.most_together
    _run(classifier, images, WARM_UP_S, WARM_UP_RUNS)
    return Turn(tuple(_run(classifier, images, measured_s, LEAST_RUNS)), peak_bytes())


def _run(classifier: Classifier, images: list[NDArray[np.uint8]], for_s: float, least: int) -> list[float]:
    taken: list[float] = []
    end = time.perf_counter() + for_s
    while len(taken) < least or (time.perf_counter() < end and len(taken) < MOST_RUNS):
        begun = time.perf_counter()
        classifier.finish([classifier.begin(image) for image in images], top_k=1)
        taken.append((time.perf_counter() - begun) / len(images))
    return taken


def made_picture(height: int, width: int) -> NDArray[np.uint8]:
    """Return uint8 RGB [height, width, 3] in which neighbours differ."""
    return np.resize(np.arange(251, dtype=np.uint8), (height, width, 3))


def peak_bytes() -> int:
    """Return the most memory that this process ever held; getrusage would begin with what its parent had."""
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        found = None
    return int(found[1]) << 10 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main() -> None:
    """Measure what the arguments say: MODEL THREADS SPINNING MANY SECONDS [IMAGE]."""
    model, threads, spinning, many, measured_s, *image = sys.argv[1:]
    told = Configuration(Path(model), int(threads), spinning == "1", many == "1")
    try:
        turn = take_turn(told, float(measured_s), image[0] if image else None)
    except EyespotError as error:
        print(json.dumps({"error": str(error)}))
    else:
        print(json.dumps(asdict(turn)))


if __name__ == "__main__":
    main()
