"""A whole training on small folders, in this process: what is returned, and what the run folder holds."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import UsageError
from edge.steps import Grey, Resize, Scale
from export.quiet_tensorflow import start_tensorflow
from export.run_folder import RunFolder
from tests.training.conftest import save_picture
from training.datasets.folder import load_folder

start_tensorflow()
import keras

from training.recipes import load_recipe
from training.train_run import Trained, claim_run_folder, train, write_run

RECIPE = replace(
    load_recipe("lenet"), preprocessing=(Resize(8, 8, "antialias"), Grey(), Scale(1 / 255)), epochs=2, batch_size=4
)
FILES = {"model.keras", "spec.json", "history.json", "report.json", "held_out.zip", "history.png", "confusion.png"}


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of eight pictures."""
    folder = tmp_path_factory.mktemp("data") / "pets"
    for label, level in (("cat", 50), ("dog", 200)):
        for i in range(8):
            save_picture(folder / label / f"{i}.png", level)
    return folder


@pytest.fixture(scope="module")
def trained(pets: Path) -> Trained:
    return train_pets(pets)


def train_pets(folder: Path) -> Trained:
    return train(RECIPE, load_folder(folder), "my-pets", seed=1)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_training(pets: Path, trained: Trained) -> None:
    again = train_pets(pets)
    assert (trained.history, trained.report, trained.spec) == (again.history, again.report, again.spec)
    assert trained.held_out.tolist() == again.held_out.tolist()


@pytest.mark.slow
def test_spec_says_what_was_trained(pets: Path, trained: Trained) -> None:
    spec = trained.spec
    assert (spec.name, spec.labels, spec.preprocessing) == ("my-pets", ("cat", "dog"), RECIPE.preprocessing)
    assert (spec.version, spec.parity, spec.self_test, spec.regions) == (None, None, None, None)
    assert spec.training is not None
    assert (spec.training.recipe, spec.training.dataset) == ("lenet", "pets")
    assert (spec.training.training_images, spec.training.held_out_images) == (12, 4)
    assert (spec.training.epochs, spec.training.seed) == (2, 1)
    assert spec.training.data_digest == load_folder(pets).digest()


@pytest.mark.slow
def test_run_folder_holds_what_was_returned(pets: Path, trained: Trained, tmp_path: Path) -> None:
    dataset = load_folder(pets)
    run = claim_run_folder(tmp_path / "run")
    write_run(trained, dataset, run)
    assert {path.name for path in run.path.iterdir()} == FILES
    assert run.read_spec() == trained.spec
    assert json.loads(run.history.read_text()) == trained.history
    report = json.loads(run.report.read_text())
    assert report["accuracy"] == trained.report.accuracy == np.trace(report["confusion"]) / 4
    with zipfile.ZipFile(run.held_out) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    names = [dataset.names[i] for i in trained.held_out]
    assert found == {name: (pets / name).read_bytes() for name in names}
    reloaded = keras.models.load_model(run.model)
    assert all(np.array_equal(a, b) for a, b in zip(reloaded.get_weights(), trained.network.get_weights(), strict=True))


@pytest.mark.slow
def test_an_image_whose_name_is_no_text_is_no_reason_to_lose_a_training(
    pets: Path, trained: Trained, tmp_path: Path
) -> None:
    """A name of another encoding reaches Python with surrogates in it; held-out images are kept by name."""
    dataset = load_folder(pets)
    odd = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    run = claim_run_folder(tmp_path / "run")
    write_run(trained, replace(dataset, names=tuple(f"{i}{odd}" for i in range(len(dataset.names)))), run)
    assert len(list(run.read_held_out())) == 4


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="run exists already"):
        claim_run_folder(tmp_path / "run")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="file exists already"):
        claim_run_folder(tmp_path / "file")
    assert {path.name for path in tmp_path.rglob("*")} == {"run", "notes.txt", "file"}


def test_an_empty_folder_may_be_taken_and_a_new_one_may_lie_deep(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "a/b/c"):
        claimed = claim_run_folder(tmp_path / name)
        claimed.path.replace(tmp_path / name)
        assert list((tmp_path / name).iterdir()) == []


def test_what_a_killed_training_left_is_cleared(tmp_path: Path) -> None:
    left = claim_run_folder(tmp_path / "run")
    left.model.write_bytes(b"half")
    assert isinstance(left, RunFolder)
    assert list(claim_run_folder(tmp_path / "run").path.iterdir()) == []
    assert not (tmp_path / "run").exists()


def test_the_folder_one_stands_in_is_taken_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_picture(tmp_path / "a.png", 9)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="exists already"):
        claim_run_folder(Path())
    (tmp_path / "a.png").unlink()
    try:
        claimed = claim_run_folder(Path()).path
    except UsageError:
        return
    assert claimed.is_dir()
