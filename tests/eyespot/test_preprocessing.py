"""`Preprocessing` gives what Pillow and NumPy compute, and `map` hands a folder to Keras."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import DatasetError, ImageError, UsageError
from edge.steps import Resize, ResizeSide
from eyespot import Preprocessing
from tests.eyespot.conftest import picture

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def test_the_torch_preset_is_what_torchvision_computes() -> None:
    image = picture("warm", 1)
    small = np.asarray(image.resize((24, 16), Image.Resampling.BILINEAR), np.float64) / 255
    found = Preprocessing.preset("torch", (16, 24))(np.asarray(image))
    assert (found.shape, found.dtype) == ((16, 24, 3), np.float32)
    np.testing.assert_allclose(found, (small - MEAN) / DEVIATION, atol=1.01 / 255 / 0.224)  # one level of 255


def test_an_image_is_a_path_bytes_or_pixels(photos: Path) -> None:
    preprocessing, path = Preprocessing.preset("unit", 32), photos / "photo.jpg"
    expected = preprocessing(path)
    assert (preprocessing(path.read_bytes()) == expected).all()
    assert (preprocessing(np.asarray(Image.open(path))) == expected).all()


def test_what_is_wrong_is_said() -> None:
    preprocessing = Preprocessing.preset("unit", 32)
    with pytest.raises(ImageError) as caught:
        preprocessing(b"no picture")
    assert caught.value.code == "not_an_image"
    with pytest.raises(UsageError):
        preprocessing(np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError):
        Preprocessing.preset("no such preset", 32)
    with pytest.raises(UsageError):
        Preprocessing.preset("unit", 0)
    with pytest.raises(UsageError):  # the other side is open
        Preprocessing([ResizeSide("shorter", 32, "area")])


@pytest.mark.slow
def test_a_folder_becomes_batches_of_the_same_arrays(photos: Path) -> None:
    preprocessing = Preprocessing([Resize(16, 16, "area")])
    data = preprocessing.map(photos / "photos", batch_size=6, shuffle=False)
    assert (data.labels, len(data)) == (("cold", "warm"), 3)
    images, targets = data.arrays()
    assert [len(data[i][0]) for i in range(3)] == [6, 6, 4]
    assert (images.dtype, targets.dtype, targets.tolist()) == (np.float32, np.int64, [0] * 8 + [1] * 8)
    assert (images[9] == preprocessing(photos / "photos" / "warm" / "1.jpg")).all()


@pytest.mark.slow
def test_shuffling_gives_the_same_orders_again_and_another_one_each_epoch(photos: Path) -> None:
    preprocessing = Preprocessing.preset("unit", 8)
    one, same = (preprocessing.map(photos / "photos", seed=3) for _ in range(2))
    first = one.targets.tolist()
    assert first == same.targets.tolist()
    one.on_epoch_end()
    assert first != one.targets.tolist()
    assert sorted(first) == sorted(one.targets.tolist())


@pytest.mark.slow
def test_copies_of_a_picture_stay_on_one_side_of_a_split(tmp_path: Path) -> None:
    for label in ("cold", "warm"):
        (tmp_path / label).mkdir()
        for i in range(12):
            picture(label, i % 4).save(tmp_path / label / f"{i}.png")
    train, validation = Preprocessing.preset("unit", 8).map(tmp_path).split(0.5)
    seen, held = ({image.tobytes() for image in part.arrays()[0]} for part in (train, validation))
    assert (len(seen), len(held), seen & held) == (4, 4, set())
    with pytest.raises(UsageError):
        train.split(1.5)


@pytest.mark.slow
def test_a_folder_that_is_no_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        Preprocessing.preset("unit", 8).map(tmp_path)
    for label in ("cold", "warm"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "broken.jpg").write_bytes(BytesIO(b"no picture").getvalue())
    with pytest.raises(DatasetError):
        Preprocessing.preset("unit", 8).map(tmp_path)
