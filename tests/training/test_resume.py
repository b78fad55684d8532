"""A training that was interrupted goes on as if it had not been."""

from io import BytesIO
from pathlib import Path

import keras
import numpy as np
import pytest

from edge.errors import DivergenceError, ModelError, UsageError
from training.batches import Batches
from training.fit import Course, fit, make_repeatable
from training.history import History
from training.networks.architecture import Architecture
from training.networks.minivggnet import build_minivggnet
from training.optimizers import Adam
from training.schedules import Constant, Cosine
from training.state import Plan, parse_state, require_same_plan, restore_state, take_state, write_state

PLAN = Plan("test", "00", seed=5, epochs=4, batch_size=8, options={})
RNG = np.random.default_rng(5)
IMAGES = RNG.random((40, 8, 8, 1), np.float32)
TARGETS = (IMAGES.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64)


def batches(seed: int | None) -> Batches:
    return Batches(IMAGES, TARGETS, np.ones(40, np.float32), np.arange(40), 8, seed)


def trainee() -> keras.Model:
    """A network with all that has a memory: dropout's generator, moving averages, Adam's moments."""
    make_repeatable(5)
    network = build_minivggnet(Architecture(8, 8, 1, 2))
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.RandomTranslation(0.1, 0.1, seed=1), network])
    model.compile(optimizer=Adam().make(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def ignore(_: History) -> None:
    return None


@pytest.mark.slow
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    course = Course(Cosine(1e-3), epochs=4)
    whole = trainee()
    expected = fit(whole, batches(5), batches(None), course, History(), ignore)

    class PowerCutError(Exception):
        pass

    first = trainee()

    def cut_after_two(history: History) -> None:
        write_state(take_state(PLAN, history, first), tmp_path / "state.npz")
        if len(history.epochs) == 2:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        fit(first, batches(5), batches(None), course, History(), cut_after_two)

    second = trainee()
    with (tmp_path / "state.npz").open("rb") as file:
        state = parse_state(file, "state.npz")
    restore_state(state, second)
    found = fit(second, batches(5), batches(None), course, state.history, ignore)
    assert len(found.epochs) == 4
    # With TensorFlow's repeatable kernels nothing is left to differ on one machine.
    assert found == expected
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_state_survives_a_write_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = trainee()
    path = tmp_path / "state.npz"
    write_state(take_state(PLAN, History(), model), path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        write_state(take_state(PLAN, History(), model), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    write_state(take_state(PLAN, History(), trainee()), path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ModelError, match="damaged"):
        parse_state(BytesIO(path.read_bytes()), str(path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 6}, "seed was 5 and is now 6"),
        ({"epochs": 9}, "epochs was 4 and is now 9"),
        ({"options": {"precision": "mixed_float16"}}, "precision was None and is now 'mixed_float16'"),
        ({"options": {"schedule": repr(Cosine(0.1))}}, r"schedule was None and is now 'Cosine\(rate=0.1\)'"),
    ],
)
def test_another_training_is_not_continued(change: dict[str, object], said: str) -> None:
    import dataclasses

    with pytest.raises(UsageError, match=said):
        require_same_plan(dataclasses.replace(PLAN, **change), PLAN)


def test_a_loss_that_is_no_number_names_epoch_and_step() -> None:
    data = batches(None)
    data.arrays = IMAGES.copy()
    data.arrays[20] = np.nan  # the third batch of 8
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    with pytest.raises(DivergenceError, match="nan in epoch 1, step 3"):
        fit(model, data, batches(None), Course(Constant(0.01), epochs=2), History(), ignore)


def test_a_held_out_loss_that_is_no_number_ends_the_training_before_its_history_grows() -> None:
    judged = batches(None)
    judged.arrays = IMAGES.copy()
    judged.arrays[20] = np.nan
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    after: list[History] = []
    with pytest.raises(DivergenceError, match="the held-out loss became nan in epoch 1"):
        fit(model, batches(5), judged, Course(Constant(0.01), epochs=2), History(), after.append)
    assert after == []


@pytest.mark.slow
def test_early_stopping_stops() -> None:
    course = Course(Constant(0.0), epochs=20, early_stopping_epochs=2)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = fit(model, batches(5), batches(None), course, History(), ignore)
    assert len(history.epochs) == 3  # the first is the lowest, two more bring nothing
