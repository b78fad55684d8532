"""`Preprocessing`: what happens to a picture before the network, as a function and as a data set for Keras."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Image, as_decoded
from edge.errors import UsageError
from edge.image import MAX_PIXELS
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.runtime import create_session
from edge.steps import Step, describe, require_preparable
from export.preprocess import build_preprocessing, network_shape
from export.preprocess.presets import preset_steps

if TYPE_CHECKING:
    from eyespot.pictures import LabelledPictures


class Preprocessing:
    """A list of steps from a picture to the array that a network takes, compiled to one ONNX graph.

    `eyespot.export` merges the same graph with the network, so a network that is trained on these arrays gets exactly
    the same ones wherever its file runs.

    Args:
        steps: The steps in order, from `edge.steps`; those of a model are `classifier.spec.preprocessing`.

    Raises UsageError for steps that do not fit each other or leave the size of the result open.

    Example:
        >>> import eyespot
        >>> from edge.steps import Resize, Scale
        >>> preprocessing = eyespot.Preprocessing([Resize(32, 32, "area"), Scale(1 / 255)])
        >>> preprocessing("photo.jpg").shape
        (32, 32, 3)
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)
        graph = build_preprocessing(self.steps)
        self.shape = network_shape(graph)
        self._session = create_session(graph.SerializeToString(), "preprocessing")

    @classmethod
    def preset(
        cls, name: str, size: int | tuple[int, int], *, channels: int = 3, channels_first: bool = False
    ) -> "Preprocessing":
        """Return what a family of networks was trained with: a resize as Pillow's BILINEAR, and the scaling of levels.

        Args:
            name: `"caffe"` (BGR less the ImageNet means), `"tf"` (-1 to 1), `"torch"` (0 to 1, standardised), `"unit"`
                (0 to 1) or `"raw"` (0 to 255), as in `keras.applications`.
            size: Height and width in pixels, or one number for both.
            channels: 3 for RGB (BGR for `"caffe"`), 1 for grey.
            channels_first: Give `[channels, height, width]`.

        Raises UsageError for a preset that does not exist or has no numbers for so many channels.

        Example:
            >>> import eyespot
            >>> array = eyespot.Preprocessing.preset("torch", 224)("photo.jpg")
            >>> array.shape, array.dtype
            ((224, 224, 3), dtype('float32'))
        """
        height, width = (size, size) if isinstance(size, int) else size
        try:
            return cls(preset_steps(name, height, width, channels, channels_first))
        except UsageError:
            raise
        except ValueError as error:  # of a size that no step takes
            raise UsageError(str(error)) from None

    def __call__(self, image: Image, max_pixels: int = MAX_PIXELS) -> NDArray[np.float32]:
        """Return float32 of `shape` for one image: a path, bytes, a file object, a PIL image or uint8 RGB [H, W, 3].

        Raises ImageError for an image that cannot be read, UsageError for an array of another shape or type.
        """
        pixels = as_decoded(image, max_pixels).pixels
        height, width, _ = pixels.shape
        require_preparable(self.steps, height, width, max_pixels)
        prepared: NDArray[np.float32] = self._session.run([NETWORK_INPUT_NAME], {INPUT_NAME: pixels[None]})[0][0]
        return prepared

    def map(
        self,
        folder: str | os.PathLike[str],
        batch_size: int = 32,
        *,
        shuffle: bool = True,
        seed: int = 42,
        skip_bad: bool = False,
    ) -> "LabelledPictures":
        """Return the pictures of a folder, which holds one folder a class, as a data set that Keras trains on.

        Its batches are `(images, targets)`: float32 [n, *shape], and int64 [n], the index into its `labels`. Pictures
        are decoded once and kept in the cache after the resize, so that a data set may be larger than the memory.

        Args:
            folder: What `eyespot train` takes: a folder, an .npz file, or the name of a known data set.
            batch_size: Pictures in a batch; the last one may have fewer.
            shuffle: Another order in each epoch.
            seed: Of the order.
            skip_bad: Leave out images that cannot be read, and name them on standard error.

        Raises DatasetError for a folder that is no data set, or with images that cannot be read.

        Example:
            >>> import eyespot
            >>> preprocessing = eyespot.Preprocessing.preset("unit", 32)
            >>> train, validation = preprocessing.map("photos").split(0.25)
            >>> train.labels, len(validation.targets)
            (('cold', 'warm'), 4)
            >>> images, targets = train[0]
            >>> images.shape, targets.shape
            ((12, 32, 32, 3), (12,))
        """
        from edge.errors import explaining_imports
        from export.quiet_tensorflow import start_tensorflow

        with explaining_imports("Preprocessing.map", "training"):
            start_tensorflow()
            from eyespot.pictures import load_pictures
        return load_pictures(Path(folder), self.steps, batch_size, seed if shuffle else None, skip_bad)

    def __repr__(self) -> str:
        return f"Preprocessing({', '.join(map(describe, self.steps))})"
