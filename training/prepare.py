"""Turn a data set into the array that a network trains on, by running the preprocessing graph.

It exists so that training sees exactly what the exported file will see: there is no other resize here.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, SEAM_NAME
from edge.decode import decode_image
from edge.errors import DatasetError, ImageError
from edge.runtime import create_session
from edge.steps import Step
from export.preprocessing import build_preprocessing, network_shape
from training.dataset import Dataset

NAMED_BAD_IMAGES = 5


def prepare(dataset: Dataset, steps: Sequence[Step], progress: Callable[[range], Iterator[int]]) -> NDArray[np.float32]:
    """Return float32 [N, h, w, c], image by image what stands at the seam of the artifact.

    `progress` is given the range of images and yields it, so that a bar can be drawn. Raises DatasetError
    that names the unreadable images, if there are any.
    """
    graph = build_preprocessing(steps)
    session = create_session(graph.SerializeToString(), "preprocessing")
    arrays = np.empty((len(dataset.names), *network_shape(graph)), np.float32)
    bad = []
    for i in progress(range(len(dataset.names))):
        try:
            pixels = decode_image(dataset.read(i)).pixels
        except ImageError as error:
            bad.append(f"{dataset.names[i]} ({error.code})")
            continue
        except OSError as error:
            bad.append(f"{dataset.names[i]} ({error.strerror})")
            continue
        arrays[i] = session.run([SEAM_NAME], {INPUT_NAME: pixels[None]})[0][0]
    if bad:
        more = f" and {len(bad) - NAMED_BAD_IMAGES} more" if len(bad) > NAMED_BAD_IMAGES else ""
        listed = ", ".join(bad[:NAMED_BAD_IMAGES])
        raise DatasetError(f"{dataset.name}: {len(bad)} unreadable images, remove or replace them: {listed}{more}")
    return arrays
