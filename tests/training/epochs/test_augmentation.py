"""Augmentation: nothing where nothing is asked for, NumPy's mirror image, and never more than its limits."""

import numpy as np
import pytest

from training.epochs.augmentation import AUGMENTATIONS, Augmentation

CHANCE = np.random.default_rng(1)
PICTURES = CHANCE.integers(0, 256, (40, 12, 16, 3), np.uint8)
GREY = PICTURES[..., :1]


def changed(augmentation: Augmentation, pictures: np.ndarray = PICTURES, seed: int = 3) -> np.ndarray:
    return augmentation(pictures, np.random.default_rng(seed))


def test_nothing_asked_is_nothing_changed() -> None:
    before = PICTURES.copy()
    assert np.array_equal(changed(Augmentation()), PICTURES)
    assert np.array_equal(changed(Augmentation(), GREY), GREY)
    changed(Augmentation(flip=True, brightness=0.5))
    assert np.array_equal(PICTURES, before)


def test_a_flip_is_numpys_for_half_of_the_pictures() -> None:
    for pictures in (PICTURES, GREY):
        found = changed(Augmentation(flip=True), pictures)
        same = [np.array_equal(a, b) for a, b in zip(found, pictures, strict=True)]
        assert np.array_equal(found, np.where(np.reshape(same, (-1, 1, 1, 1)), pictures, pictures[:, :, ::-1]))
        assert 10 <= sum(same) <= 30


@pytest.mark.parametrize("name", ["light", "strong"])
def test_the_same_state_gives_the_same_pictures_of_the_same_kind(name: str) -> None:
    augmentation = AUGMENTATIONS[name]
    assert augmentation
    for pictures in (PICTURES, GREY):
        found = changed(augmentation, pictures)
        assert (found.dtype, found.shape) == (np.uint8, pictures.shape)
        assert np.array_equal(found, changed(augmentation, pictures))
        assert not np.array_equal(found, changed(augmentation, pictures, seed=4))
    assert AUGMENTATIONS["none"] is None


def test_shifts_and_turns_stay_within_their_limits() -> None:
    """Where the brightest spot goes to, of a picture that has but one."""
    spot = np.zeros((60, 41, 41, 1), np.uint8)
    spot[:, 20, 20] = 255
    rows, columns = (
        np.array(axis)
        for axis in np.unravel_index(changed(Augmentation(shift=0.2), spot).reshape(60, -1).argmax(1), (41, 41))
    )
    for moved in (rows - 20, columns - 20):
        assert np.abs(moved).max() <= 0.2 * 41 + 1
        assert moved.min() < -4
        assert moved.max() > 4
    spot[:, 20, 20], spot[:, 18:23, 33:38] = 0, 255
    turned = changed(Augmentation(rotation_degrees=10), spot).astype(float)[..., 0]
    y = (turned * np.arange(41)[None, :, None]).sum((1, 2)) / turned.sum((1, 2)) - 20
    assert np.abs(y).max() <= 15 * np.sin(np.deg2rad(10)) + 0.5
    assert np.abs(y).max() > 1.5


def test_a_crop_keeps_a_share_of_the_picture_and_nothing_from_outside() -> None:
    """Of a ramp, whose slope says how much it was enlarged."""
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8)[None, None, :, None], (50, 60, 1, 1))
    found = changed(Augmentation(crop=0.25), ramp).astype(float)[:, 30, :, 0]
    shares = (found[:, -1] - found[:, 0]) / (ramp[0, 30, -1, 0] - ramp[0, 30, 0, 0])
    assert shares.max() <= 1.02
    assert 0.25 * np.sqrt(3 / 4) <= shares.min() < 0.7
    assert (np.diff(found, axis=1) >= 0).all()  # a reflection would turn the ramp around


def test_colours_are_those_of_the_formulas() -> None:
    flat = np.full((30, 4, 4, 3), 100, np.uint8)
    levels = changed(Augmentation(brightness=0.2), flat).reshape(30, -1)
    assert (levels.max(axis=1) == levels.min(axis=1)).all()
    assert 80 <= levels.min() < 90
    assert 110 < levels.max() <= 120
    found = changed(Augmentation(contrast=0.3))
    for before, after in zip(PICTURES.astype(float), found.astype(float), strict=True):
        inside = (after > 0) & (after < 255)
        slope, offset = np.polyfit(before[inside], after[inside], 1)
        assert 0.69 <= slope <= 1.31
        assert slope * before.mean() + offset == pytest.approx(before.mean(), abs=0.7)
    luma = np.array([0.299, 0.587, 0.114])
    muted = PICTURES // 4 + 96
    found = changed(Augmentation(saturation=0.5), muted)
    assert found @ luma == pytest.approx(muted @ luma, abs=1)
    assert np.array_equal(changed(Augmentation(saturation=0.5), GREY), GREY)
