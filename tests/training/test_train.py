"""A whole training on a small folder, in this process: what is returned, and what the run folder holds."""

import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import UsageError
from edge.image import decode_image
from edge.steps import Grey, Resize, Scale
from export.quiet_tensorflow import start_tensorflow
from export.run_folder import RunFolder
from tests.training.conftest import save_picture
from training.claim_run import claim_run_folder, discard_empty
from training.datasets.folder import load_folder

start_tensorflow()
import keras

from training.practice import Practice
from training.prepare import prepare
from training.recipe import Recipe
from training.recipes import load_recipe
from training.split import split_dataset
from training.train import Material, Trained, train
from training.write_run import describe_model, finish_run

SMALL = {"preprocessing": (Resize(8, 8, "antialias"), Grey(), Scale(1 / 255)), "epochs": 2, "batch_size": 4}
RECIPE = replace(load_recipe("lenet"), **SMALL)
FINISHED = {
    *("model.keras", "spec.json", "history.json", "report.json", "held_out.zip", "calibration.zip"),
    *("history.png", "confusion.png", "schedule.png", "monitor.html"),
}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Two classes of eight pictures, one of a name that is no text."""
    folder = tmp_path_factory.mktemp("data") / "pets"
    for label, level in (("cat", 50), ("dog", 200)):
        for i in range(8):
            save_picture(folder / label / f"{i}{i}.png", level + 3 * i)
    odd = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    (folder / "cat" / "00.png").rename(folder / "cat" / odd)
    dataset = load_folder(folder)
    prepared = prepare(dataset, RECIPE.preprocessing, folder.parent / "cache", lambda _: None)
    return Material(dataset, prepared, split_dataset(dataset, prepared.hashes, 0.25, seed=1))


def train_into(
    path: Path, material: Material, recipe: Recipe = RECIPE, **practice: object
) -> tuple[Trained, RunFolder]:
    run = claim_run_folder(path, resume=False)
    trained = train(recipe, Practice(seed=1, **practice), material, run, resume=False)  # type: ignore[arg-type]
    finish_run(trained, describe_model(trained, recipe, material, "my-pets", 1, None), material, run)
    return trained, run


@pytest.mark.slow
def test_a_finished_run_holds_what_was_returned(material: Material, tmp_path: Path) -> None:
    trained, run = train_into(tmp_path / "run", material)
    assert {path.name for path in run.path.iterdir()} == FINISHED
    spec = run.read_spec()
    assert (spec.name, spec.labels, spec.preprocessing) == ("my-pets", ("cat", "dog"), RECIPE.preprocessing)
    assert (spec.version, spec.parity, spec.self_test, spec.regions) == (None, None, None, None)
    assert spec.training is not None
    seen = [decode_image(material.dataset.read(int(i))) for i in material.split.train]
    assert (spec.training.training_images, spec.training.held_out_images) == (12, 4)
    assert spec.training.temperature == trained.temperature
    assert [epoch["loss"] for epoch in json.loads(run.history.read_text())["epochs"]] == trained.history.series("loss")
    fingerprint = spec.fingerprint
    assert fingerprint is not None
    sizes = [math.sqrt(p.pixels.shape[0] * p.pixels.shape[1]) for p in seen]
    levels = [float((p.pixels.astype(float) @ [0.299, 0.587, 0.114]).mean()) for p in seen]
    for found, values in ((fingerprint.size, sizes), (fingerprint.brightness, levels)):
        assert found.counts == tuple(np.histogram(values, found.edges)[0])
    assert fingerprint.classes == tuple(np.bincount(trained.probabilities.argmax(axis=1), minlength=2))
    assert sum(fingerprint.confidence.counts) == 4
    report = json.loads(run.report.read_text())
    assert report["accuracy"] == trained.report.accuracy == np.trace(report["confusion"]) / 4
    with zipfile.ZipFile(run.held_out) as archive:
        kept = [archive.read(name) for name in archive.namelist()]
    assert kept == [material.dataset.read(int(i)) for i in material.split.held_out]
    assert len(list(run.read_held_out())) == 4
    with zipfile.ZipFile(run.calibration) as archive:
        trained_on = [archive.read(name) for name in archive.namelist()]
    assert trained_on == [material.dataset.read(int(i)) for i in material.split.train]
    reloaded = keras.models.load_model(run.model)
    rows = np.sort(material.split.held_out)
    assert np.array_equal(reloaded.predict(material.prepared.arrays[rows], verbose=0), trained.probabilities)


@pytest.mark.slow
def test_augmentation_never_reaches_the_network(material: Material, tmp_path: Path) -> None:
    trained, _ = train_into(tmp_path / "run", material)
    assert not [layer for layer in trained.network.layers if "random" in layer.name]
    assert [layer.name for layer in trained.network.layers][-2] == "temperature"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16"])
def test_mixed_precision_ends_in_a_plain_network(material: Material, tmp_path: Path, precision: str) -> None:
    trained, _ = train_into(tmp_path / "run", material, precision=precision)
    assert {layer.dtype_policy.name for layer in trained.network.layers} == {"float32"}
    assert np.allclose(trained.probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_the_best_network_is_kept_and_returned(material: Material, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=4)
    trained, run = train_into(tmp_path / "run", material, recipe, checkpoints="improvements", keep_last=1)
    best = trained.history.epochs[trained.history.best_epoch() - 1]
    (improvement,) = [path for path in run.checkpoints.iterdir() if path.name != "best.keras"]
    assert improvement.name == f"epoch_{trained.history.best_epoch():03}_loss_{best.held_out_loss:.4f}.keras"
    rows = np.sort(material.split.held_out)
    kept = keras.models.load_model(improvement).predict(material.prepared.arrays[rows], verbose=0)
    assert np.array_equal(kept.argmax(axis=1), trained.probabilities.argmax(axis=1))
    # The loss that the history gives for that epoch is the loss of the network that was kept.
    loss = -np.log(kept[np.arange(4), material.dataset.targets[rows]].astype(np.float64)).mean()
    assert loss == pytest.approx(best.held_out_loss, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["knn", "linear", "linear-l2"])
def test_what_is_no_deep_network_leaves_the_same_run(material: Material, tmp_path: Path, name: str) -> None:
    recipe = load_recipe(name)
    # Twelve pictures are few; the recipe's rate needs more rounds over them.
    recipe = replace(recipe, preprocessing=RECIPE.preprocessing, epochs=60 if recipe.network else 0)
    trained, run = train_into(tmp_path / "run", material, recipe)
    assert run.is_finished
    assert trained.report.accuracy == 1.0  # dark and bright are easily told apart


def test_balanced_classes_weigh_the_training_rows_alone(material: Material) -> None:
    rows = np.array([0, 1, 2, 8])  # three cats and a dog
    batches = material.batches(rows, replace(RECIPE, balanced_classes=True), seed=1)
    assert batches.weights[rows].tolist() == pytest.approx([4 / 6, 4 / 6, 4 / 6, 2.0])
    assert set(material.batches(rows, RECIPE, seed=1).weights) == {1.0}


def test_names_that_are_no_text_are_escaped_in_the_spec(material: Material, tmp_path: Path) -> None:
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    renamed = replace(material, dataset=replace(material.dataset, name=odd))
    recipe = replace(load_recipe("knn"), preprocessing=RECIPE.preprocessing)
    trained = train(recipe, Practice(seed=1), renamed, RunFolder(tmp_path), resume=False)
    spec = describe_model(trained, recipe, renamed, odd, 1, None)
    assert spec.training is not None
    assert (spec.name, spec.training.dataset) == ("caf\\udce9", "caf\\udce9")


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already and is no run"):
        claim_run_folder(tmp_path / "run", resume=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="file exists already"):
        claim_run_folder(tmp_path / "file", resume=False)
    assert {path.name for path in tmp_path.rglob("*")} == {"run", "notes.txt", "file"}


def test_an_unfinished_run_is_continued_only_when_asked(tmp_path: Path) -> None:
    run = claim_run_folder(tmp_path / "run", resume=False)
    run.state.write_bytes(b"a state")
    with pytest.raises(UsageError, match="continue it with --resume"):
        claim_run_folder(tmp_path / "run", resume=False)
    assert claim_run_folder(tmp_path / "run", resume=True) == run


def test_a_finished_run_is_never_continued(tmp_path: Path) -> None:
    run = claim_run_folder(tmp_path / "run", resume=False)
    for path in (run.model, run.spec, run.held_out):
        path.write_bytes(b"x")
    with pytest.raises(UsageError, match="holds a finished run"):
        claim_run_folder(tmp_path / "run", resume=True)


def test_a_run_without_an_epoch_leaves_nothing(tmp_path: Path) -> None:
    run = claim_run_folder(tmp_path / "deep" / "run", resume=False)
    discard_empty(run)
    assert not run.path.exists()


@pytest.mark.slow
def test_a_training_is_not_continued_with_other_labels(material: Material, tmp_path: Path) -> None:
    run = claim_run_folder(tmp_path / "run", resume=False)
    train(RECIPE, Practice(seed=1), material, run, resume=False)
    renamed = replace(material, dataset=replace(material.dataset, labels=("cat", "eel")))
    with pytest.raises(UsageError, match=r"labels was 'cat, dog \(.*\)' and is now 'cat, eel \("):
        train(RECIPE, Practice(seed=1), renamed, run, resume=True)


@pytest.mark.slow
def test_the_best_network_cannot_be_asked_for_in_the_middle(material: Material, tmp_path: Path) -> None:
    run = claim_run_folder(tmp_path / "run", resume=False)
    train(RECIPE, Practice(seed=1), material, run, resume=False)
    with pytest.raises(UsageError, match="keeps_best was 'False' and is now 'True'"):
        train(RECIPE, Practice(seed=1, checkpoints="best"), material, run, resume=True)
