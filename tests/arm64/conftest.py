"""The emulated Pi, the two artifacts that it is asked with, and a folder of pictures."""

import os
import zipfile
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.arm64.device import Pi, find_pi
from tests.arm64.root import NotMade
from tests.conftest import make_once
from tests.edge.pictures import orientation_tag


@pytest.fixture(scope="session")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Pi:
    """The emulated Pi; without it the test is skipped, but fails in continuous integration."""
    try:
        return find_pi(tmp_path_factory.mktemp("code"))
    except NotMade as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))


@pytest.fixture(scope="session", params=["float32", "int8"])
def artifact(request: pytest.FixtureRequest, lenet_run: Path, shared: Path) -> Path:
    """LeNet as `eyespot export` writes it, in float32 and in eight bits for ARM."""
    if request.param == "float32":
        return make_once(shared, "lenet-digits.onnx", "export", lenet_run)
    return make_once(shared, "lenet-digits-int8.onnx", "export", lenet_run, "--int8", "--for", "arm")


@pytest.fixture(scope="session")
def pictures(lenet_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits that LeNet has not seen: as they are, in other formats, turned, coloured, two in one, and broken files."""
    folder = tmp_path_factory.mktemp("pictures")
    with zipfile.ZipFile(lenet_run / "evaluation.zip") as archive:
        digits = [Image.open(BytesIO(archive.read(name))).convert("RGB") for name in archive.namelist()[::37]]
    large = [digit.resize((61, 90), Image.Resampling.BICUBIC) for digit in digits]
    for number, digit in enumerate(digits):
        digit.save(folder / f"native-{number:02}.png")
    for suffix in ("jpg", "webp", "tif", "bmp", "gif", "ppm"):
        large[1].save(folder / f"large.{suffix}")
    large[2].resize((640, 480)).save(folder / "photo.jpg", quality=85)
    large[3].rotate(90, expand=True).save(folder / "turned.jpg", exif=orientation_tag(6), quality=95)
    for number, (one, other) in enumerate(combinations(large, 2)):
        # Digits alone leave no doubt, and answers of 0 and 1 are equal whatever the sums before the softmax are.
        Image.blend(one, other, 0.5).save(folder / f"two-in-one-{number:02}.png")
    tint = np.array([1, 0.6, 0.3])
    Image.fromarray((np.asarray(large[4]) * tint).astype(np.uint8)).save(folder / "tinted.png")
    whole = (folder / "photo.jpg").read_bytes()
    (folder / "broken-cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "broken-empty.png").touch()
    (folder / "broken-text.png").write_bytes(b"no picture")
    return folder
