"""Training in epochs: repeatable, resumed as if never interrupted, calibrated, stopped in time, kept where better."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge.errors import DivergenceError, ModelError, UsageError
from export.quiet_tensorflow import start_tensorflow
from tests.training.conftest import WriteRecipe, figures

start_tensorflow()
import keras

from training.epochs.batches import Batches
from training.train import train

pytestmark = pytest.mark.slow

# All that has a memory: dropout's generator, moving averages, Adam's moments, augmentation.
MEMORY = "layers.BatchNormalization(), layers.Dropout(0.3, seed=1), layers.Dense(2), layers.Activation('softmax')"
STEADY = (
    "epochs=4, batch_size=8, optimizer=Optimizer(rate=0.02, schedule='cosine', warm_up=0.1), "
    "augmentation=AUGMENTATIONS['strong']"
)
CALM = "epochs=9, batch_size=8, optimizer=Optimizer(name='SGD', rate=1e-30)"


def interrupt(monkeypatch: pytest.MonkeyPatch, epoch: int, error: type[BaseException] = KeyboardInterrupt) -> None:
    """End the next training once this epoch is written."""
    from training.epochs import train_epochs

    write = train_epochs.write_state

    def write_and_end(path: Path, plan: Any, history: Any, network: Any) -> None:
        write(path, plan, history, network)
        if len(history.epochs) == epoch:
            raise error

    monkeypatch.setattr(train_epochs, "write_state", write_and_end)


def contents(run: Path) -> dict[str, object]:
    """History, report and weights of a run; none of them names the folder."""
    weights = keras.models.load_model(run / "model.keras", compile=False).get_weights()
    report = json.loads((run / "evaluation" / "report.json").read_text())
    return {"history": figures(run).tolist(), "report": report, "weights": [w.tolist() for w in weights]}


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(
    bright: Path, tmp_path: Path, write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, options = str(write_recipe(MEMORY, STEADY)), {"dataset": str(bright), "class_weights": "balanced"}
    whole = train(recipe, output=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, output=tmp_path / "cut", **options)
    state = (tmp_path / "cut" / "state.npz").read_bytes()
    for change in ({"resume": False}, {"seed": 7}, {"epochs": 9}, {"class_weights": None}, {"learning_rate": 0.5}):
        with pytest.raises(UsageError):
            train(recipe, output=tmp_path / "cut", **(options | {"resume": True} | change))
    (tmp_path / "cut" / "state.npz").write_bytes(state[:-300])
    with pytest.raises(ModelError):
        train(recipe, output=tmp_path / "cut", resume=True, **options)
    (tmp_path / "cut" / "state.npz").write_bytes(state)
    resumed = train(recipe, output=tmp_path / "cut", resume=True, **options)
    assert len(figures(tmp_path / "whole")) == 4
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert resumed.spec.training == whole.spec.training
    assert {p.name for p in (tmp_path / "cut").iterdir()} == {p.name for p in (tmp_path / "whole").iterdir()}
    other = train(recipe, output=tmp_path / "other", seed=7, **options)
    assert other.spec.training != whole.spec.training
    assert not np.array_equal(figures(tmp_path / "other"), figures(tmp_path / "whole"))


ENDINGS = {
    "Dense": "layers.Dense(2, 'softmax', bias_initializer=START)",
    "Activation": "layers.Dense(2, bias_initializer=START), layers.Activation('softmax')",
    "Softmax": "layers.Dense(2, bias_initializer=START), layers.Softmax()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_any_ending_in_a_softmax_is_learned_and_calibrated_in_mixed_precision_too(
    bright: Path, tmp_path: Path, write_recipe: WriteRecipe, ending: str
) -> None:
    """The second class starts 30 logits below the first, which in half is a probability, and a gradient, of 0."""
    start = ENDINGS[ending].replace("START", "keras.initializers.Constant([0.0, -30.0])")
    options = {"dataset": str(bright), "output": tmp_path / "run", "precision": "mixed_float16"}
    settings = "epochs=8, batch_size=8, optimizer=Optimizer(name='SGD', rate=2.0)"
    found = train(str(write_recipe(start, settings)), **options)
    assert found.accuracy > found.evaluation.report.baseline_accuracy
    assert found.spec.training
    assert found.spec.training.temperature != 1
    network = keras.models.load_model(tmp_path / "run" / "model.keras")
    right, count = 0, 0
    with zipfile.ZipFile(tmp_path / "run" / "evaluation.zip") as archive:
        for entry in archive.infolist():
            with Image.open(BytesIO(archive.read(entry))) as image:
                small = image.convert("L").resize((8, 8), Image.Resampling.BILINEAR)
            probabilities = np.asarray(network(np.asarray(small, np.float32)[None, :, :, None] / 255))[0]
            assert probabilities.sum() == pytest.approx(1, abs=1e-5)
            right, count = right + (found.spec.labels[probabilities.argmax()] == entry.comment.decode()), count + 1
    assert (count, right / count) == (found.evaluation.report.images, found.accuracy)


@pytest.mark.parametrize("ending", ["layers.Dense(2)", "layers.Dense(2, 'sigmoid')", "layers.Dense(3, 'softmax')"])
def test_another_ending_is_refused_before_the_training(
    bright: Path, tmp_path: Path, write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("the training began"))
    with pytest.raises(UsageError):
        train(str(write_recipe(ending)), dataset=str(bright), output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_early_stopping_stops_and_the_first_best_epoch_is_kept(
    bright: Path, tmp_path: Path, write_recipe: WriteRecipe
) -> None:
    recipe = write_recipe("layers.Dense(2, 'softmax', kernel_initializer='zeros')", CALM)
    options = {"early_stopping": 2, "tensorboard": tmp_path / "logs"}
    train(str(recipe), dataset=str(bright), output=tmp_path / "run", **options)
    assert len(figures(tmp_path / "run")) == 3  # two epochs without a better one
    report = json.loads((tmp_path / "run" / "evaluation" / "report.json").read_text())
    assert report["phases"] == [{"name": "epochs", "epochs": 3, "best_epoch": 1}]
    assert any((tmp_path / "logs").rglob("*tfevents*"))


def test_the_best_network_is_kept_without_the_state_of_its_optimizer(
    bright: Path, tmp_path: Path, write_recipe: WriteRecipe
) -> None:
    recipe = write_recipe("layers.Dense(2, 'softmax', kernel_initializer='zeros')")
    train(str(recipe), dataset=str(bright), output=tmp_path / "run", epochs=8, learning_rate=0.05)
    validation = figures(tmp_path / "run")[:, [3, 2]]
    ranks = [(accuracy, -loss) for accuracy, loss in validation.tolist()]
    report = json.loads((tmp_path / "run" / "evaluation" / "report.json").read_text())
    assert report["phases"] == [{"name": "epochs", "epochs": 8, "best_epoch": ranks.index(max(ranks)) + 1}]
    (kept,) = (tmp_path / "run" / "checkpoints").iterdir()
    best = keras.models.load_model(kept)
    assert not best.compiled
    calibrated = keras.models.load_model(tmp_path / "run" / "model.keras").get_weights()
    for one, other in zip(best.get_weights(), calibrated, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_a_loss_that_is_no_number_ends_the_training_and_leaves_nothing(
    bright: Path, tmp_path: Path, write_recipe: WriteRecipe
) -> None:
    recipe = write_recipe("layers.Dense(9, 'relu'), layers.Dense(2, 'softmax')")
    with pytest.raises(DivergenceError):
        train(str(recipe), dataset=str(bright), output=tmp_path / "run", learning_rate=1e30)
    assert not (tmp_path / "run").exists()


class MadePictures:
    """Pictures of one pixel whose level is their row."""

    def __init__(self) -> None:
        self.dataset, self.preprocessor = SimpleNamespace(targets=np.arange(30)), self

    def read(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows, np.uint8).reshape(-1, 1, 1, 1)

    def values(self, pictures: np.ndarray) -> np.ndarray:
        return pictures.astype(np.float32)


def order(epoch: int, seed: int | None) -> list[list[int]]:
    rows, pictures = np.arange(3, 23), MadePictures()
    found = list(Batches(pictures, rows, 8, np.ones(30, np.float32), seed, epoch=epoch))  # type: ignore[arg-type]
    assert all(np.array_equal(values.ravel(), targets) for values, targets, _ in found)
    return [targets.tolist() for _, targets, _ in found]


def test_the_order_is_that_of_seed_and_epoch() -> None:
    assert order(0, None) == [[*range(3, 11)], [*range(11, 19)], [*range(19, 23)]]
    assert order(2, 5) == order(2, 5)
    assert order(2, 5) not in (order(1, 5), order(2, 6))
    assert sorted(row for batch in order(2, 5) for row in batch) == list(range(3, 23))
