"""The bundled digits against scikit-learn's own arrays, decoded by Pillow."""

from io import BytesIO

import numpy as np
import sklearn.datasets
from PIL import Image

from training.datasets.digits import load_digits

# value * 255 / 16, rounded by hand; the half at 8 goes to the even level.
LEVELS = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]

# Images of each digit, from the file optdigits.names of the data set.
COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_there_are_as_many_as_its_authors_counted() -> None:
    dataset = load_digits()
    assert dataset.name == "digits"
    assert dataset.labels == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert len(dataset.names) == len(set(dataset.names)) == len(dataset.targets) == 1797
    assert np.bincount(dataset.targets).tolist() == COUNTS
    assert all(
        name.startswith(f"{dataset.labels[target]}/")
        for name, target in zip(dataset.names, dataset.targets, strict=True)
    )


def test_levels_and_targets_are_those_of_the_bundle() -> None:
    dataset, bundle = load_digits(), sklearn.datasets.load_digits()
    assert np.array_equal(dataset.targets, bundle.target)
    for i, values in enumerate(bundle.images):
        image = Image.open(BytesIO(dataset.read(i)))
        assert (image.format, image.mode, image.size) == ("PNG", "L", (8, 8))
        assert np.array_equal(np.asarray(image), np.array(LEVELS)[values.astype(int)])


def test_digest_is_the_same_each_time_and_covers_the_pixels() -> None:
    first, second = load_digits(), load_digits()
    one, two = (some.digest([some.content_hash(i) for i in range(1797)]) for some in (first, second))
    assert one == two
    assert len(one) == 64
