"""`eyespot train` as a user meets it: a good run, every bad data set, and an interruption."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.cli import main
from export.quiet_tensorflow import start_tensorflow
from tests.conftest import Run
from tests.training.conftest import EPOCHS, Draw, figures, save_picture, train_command
from training.datasets.digits import load_digits

start_tensorflow()
import keras
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from training.recipes import load_recipe
from training.split import split_dataset

FILES = {
    *("model.keras", "spec.json", "history.json", "report.json", "held_out.zip", "calibration.zip"),
    *("history.png", "confusion.png", "schedule.png", "monitor.html"),
}
NAMES = ["1.png", "2.jpg", "3.png", "4.png"]
DEADLINE_S = 120


def test_run_folder_holds_exactly_what_the_design_says(lenet_run: Path) -> None:
    assert {path.name for path in lenet_run.iterdir()} == FILES
    assert [path.name for path in lenet_run.parent.iterdir()] == ["lenet-digits"]
    for name in ("history.png", "confusion.png"):
        with Image.open(lenet_run / name) as image:
            assert image.format == "PNG"
    history = json.loads((lenet_run / "history.json").read_text())
    assert len(history["epochs"]) == load_recipe("lenet").epochs
    keys = {"loss", "accuracy", "held_out_loss", "held_out_accuracy", "learning_rate"}
    assert all(epoch.keys() == keys for epoch in history["epochs"])


def test_digits_are_held_out_as_the_split_says(lenet_run: Path) -> None:
    dataset = load_digits()
    hashes = [dataset.content_hash(i) for i in range(len(dataset.names))]
    held_out = split_dataset(dataset, hashes, 0.25, 42).held_out
    with zipfile.ZipFile(lenet_run / "held_out.zip") as archive:
        assert archive.namelist() == [dataset.names[i] for i in held_out]
        assert [archive.read(name) for name in archive.namelist()] == [dataset.read(i) for i in held_out]


def test_accuracy_is_what_the_saved_network_reaches_on_the_saved_images(lenet_run: Path) -> None:
    report = json.loads((lenet_run / "report.json").read_text())
    assert report["images"] == 450
    assert report["accuracy"] >= 0.98
    arrays, targets = [], []
    with zipfile.ZipFile(lenet_run / "held_out.zip") as archive:
        for name in archive.namelist():
            with Image.open(BytesIO(archive.read(name))) as image:
                large = np.asarray(image.convert("RGB").resize((28, 28), Image.Resampling.BILINEAR))
            arrays.append(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32) / 255)
            targets.append(int(name[0]))
    predicted = keras.models.load_model(lenet_run / "model.keras").predict(np.stack(arrays), verbose=0).argmax(axis=1)
    found = float((predicted == targets).mean())
    assert found >= 0.98
    # Pillow's resize differs by a level here and there, which may turn one image that stands on the edge.
    assert report["accuracy"] == pytest.approx(found, abs=1 / 450)
    assert np.trace(report["confusion"]) / 450 == pytest.approx(report["accuracy"])
    assert np.sum(report["confusion"], axis=1).tolist() == np.bincount(targets).tolist()
    assert [row["support"] for row in report["classes"]] == np.bincount(targets).tolist()


Bad = Callable[[Draw], Path]


def with_bad(content: bytes) -> Bad:
    def make(draw: Draw) -> Path:
        folder = draw(cat=NAMES, dog=NAMES)
        (folder / "dog" / "bad.png").write_bytes(content)
        return folder

    return make


def truncated(draw: Draw) -> Path:
    folder = draw(cat=NAMES, dog=NAMES)
    whole = (folder / "cat" / "1.png").read_bytes()
    (folder / "dog" / "bad.png").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda draw: draw(cat=NAMES), "at least two classes", id="one class"),
        pytest.param(lambda draw: draw(cat=NAMES) / "cat", "at least two classes", id="no class"),
        pytest.param(lambda draw: draw(cat=NAMES, dog=[]), "'dog' has no images", id="empty class"),
        pytest.param(lambda draw: draw(cat=NAMES, dog=[".a.png"]), "'dog' has no images", id="only hidden images"),
        pytest.param(lambda draw: draw(cat=NAMES, dog=["1.png"]), "'dog' has 1 image", id="one image"),
        pytest.param(with_bad(b"words"), "dog/bad.png (not_an_image)", id="renamed text"),
        pytest.param(with_bad(b""), "dog/bad.png (empty)", id="empty file"),
        pytest.param(truncated, "dog/bad.png (corrupt)", id="cut short"),
        pytest.param(lambda draw: draw(cat=NAMES, Cat=NAMES), "'Cat' and 'cat' clash", id="case"),
        pytest.param(lambda draw: draw({"caf\u00e9": NAMES, "cafe\u0301": NAMES}), "clash", id="NFC and NFD"),
        pytest.param(lambda draw: draw({"cat": NAMES, "cat ": NAMES}), "'cat' and 'cat ' clash", id="space"),
        pytest.param(lambda draw: draw({"cat": NAMES, " ": NAMES}), "blank name", id="blank"),
        pytest.param(lambda draw: draw(cat=NAMES) / "nowhere", "unknown data set", id="missing folder"),
        pytest.param(lambda draw: draw(cat=NAMES) / "cat" / "1.png", "unknown data set", id="file"),
    ],
)
def test_a_bad_data_set_is_one_line_before_the_training(
    draw: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Bad,
    said: str,
) -> None:
    monkeypatch.setattr("training.train.fit", lambda *_: pytest.fail("the training began"))
    assert main(["train", "lenet", "--dataset", str(make(draw)), "--output", str(tmp_path / "runs" / "x")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    line = err.splitlines()[-1]
    assert line.startswith("eyespot: ")
    assert "Traceback" not in err
    assert said in line
    assert [path for path in tmp_path.rglob("*") if path.name.startswith((".x", "x"))] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lennet"], "unknown recipe 'lennet'; did you mean 'lenet'?"),
        (["lenet", "--dataset", "digit"], "unknown data set 'digit'; did you mean 'digits'?"),
        (["lenet", "--seed", "-1"], "seed"),
        (["lenet", "--seed", str(2**32)], "seed"),
        (["lenet", "--seed", "x"], "seed"),
        (["knn"], "the recipe knn has no data set of its own; name one with --dataset"),
        ([], "name a recipe"),
        (["lenet", "--answer-accuracy", "1.5"], "answer-accuracy"),
        (["lenet", "--device", "gpu"], "TensorFlow finds no GPU here"),
        (["lenet", "--epochs", "0"], "epochs"),
        (["lenet", "--k", "3"], "--k counts the neighbours of knn; the recipe lenet is trained and has none"),
        (["knn", "--dataset", "digits", "--k", "0"], "--k: must be at least 1"),
        (["knn", "--dataset", "digits", "--k", "1348"], "1348 neighbours need at least 1348 images. Received: 1347"),
        (["knn", "--dataset", "digits", "--epochs", "3"], "the recipe knn remembers its images and is not trained"),
        *(
            (["knn", "--dataset", "digits", f"--{option}", value], f"--{option} is for training")
            for option, value in [
                *(("early-stopping", "3"), ("checkpoints", "best"), ("keep-last", "2"), ("strategy", "multiworker")),
                *(("precision", "mixed_bfloat16"), ("worker-timeout", "5")),
            ]
        ),
        (["lenet", "--jobs", "0"], "--jobs: must be at least 1"),
        (["lenet", "--batch-size", "many"], "batch-size"),
        (["lenet", "--ephocs", "3"], "unrecognized arguments: --ephocs 3; did you mean '--epochs'?"),
        (["lenet", "--schedule", "cosin"], "unknown schedule 'cosin'; did you mean 'cosine'?"),
        (["lenet", "--schedule-every", "2"], "--schedule-every belongs to step-decay, and the schedule is cosine"),
        (["lenet", "--strategy", "mirror"], "invalid choice: 'mirror' (choose from"),
        (["lenet", "--strategy", "multiworker"], "reads the workers from TF_CONFIG, which is not set; set it to {"),
        (["smiles", "--dataset", "digits"], "the recipe smiles is for 2 classes. Received: 10 in digits"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_says_what_is_wrong_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr("training.train.fit", lambda *_: pytest.fail("the training began"))
    monkeypatch.setattr("training.device.tf.config.list_physical_devices", lambda *_: [])
    try:
        status: object = main(["train", *arguments, "--output", str(tmp_path / "x")])
    except SystemExit as end:  # argparse ends the program itself
        status = end.code
    assert status == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["lenet", "--initializer", "he-norml"], "unknown initialiser 'he-norml'; did you mean 'he-normal'?"),
        (["smiles"], "the recipe smiles is for 2 classes. Received: 3 in pets"),
        (["lenet", "--output", "pets/cat"], "pets/cat is inside the data set"),
        (["lenet", "--output", "pets/runs/1"], "pets/runs/1 is inside the data set"),
        (["lenet", "--output", "linked"], "linked is inside the data set"),
        (["lenet", "--tensorboard", "pets/logs"], "pets/logs is inside the data set"),
        (["lenet", "--output", "elsewhere"], "elsewhere exists already and is no run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_be_known_is_said_before_a_picture_is_read(
    draw: Draw,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.setattr("training.prepare_dataset.prepare", lambda *_: pytest.fail("pictures were read"))
    monkeypatch.chdir(tmp_path)
    folder = draw(cat=NAMES, dog=NAMES, eel=NAMES)
    (tmp_path / "linked").symlink_to(folder / "out")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", "--dataset", str(folder), *options]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_that_exists_is_refused_and_left(
    draw: Draw, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    folder = draw(cat=NAMES, dog=NAMES)
    assert main(["train", "lenet", "--dataset", str(folder), "--output", str(tmp_path / "run")]) == 2
    assert "run exists already and is no run" in capsys.readouterr().err
    assert {path.name: path.read_text() for path in (tmp_path / "run").iterdir()} == {"notes.txt": "mine"}


# Where the tests run in the background, a shell has told them to ignore the signal, and a child inherits that.
DEFAULT_SIGNALS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
def test_an_interrupted_training_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eyespot: Run) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    arguments = ["train", "lenet", "--output", str(tmp_path / "run"), "--epochs", "3"]
    command = [sys.executable, "-c", DEFAULT_SIGNALS, str(Path(sys.executable).with_name("eyespot")), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(DEADLINE_S, process.kill)
        watchdog.start()
        assert process.stderr is not None
        before = next((line for line in process.stderr if line.startswith("epoch 2/3")), "it never began")
        process.send_signal(signal.SIGINT)
        out, behind = process.communicate()
        watchdog.cancel()
    assert before.startswith("epoch 2/3"), before
    assert (process.returncode, out) == (130, "")
    assert "--resume" in behind
    assert "Traceback" not in behind
    assert "continue it with --resume" in eyespot(*arguments).stderr
    assert "seed was 42 and is now 7" in eyespot(*arguments, "--resume", "--seed", "7").stderr
    done = eyespot(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert "epoch 1/3" not in done.stderr
    assert "epoch 3/3" in done.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


@pytest.mark.slow
def test_a_folder_of_pictures_becomes_a_classifier(
    tmp_path: Path, eyespot: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)  # where it is set, TensorFlow says all it has to say
    levels = {"black": 20, "grey": 128, "white": 235}
    for label, level in levels.items():
        for i in range(12):
            save_picture(tmp_path / "shades" / label / f"{i}.{('png', 'jpg')[i % 2]}", level, (20 + i, 40 - i))
        save_picture(tmp_path / "new" / f"{label}.jpg", level, (50, 33))
    steps = [
        ("train", "lenet", "--dataset", "shades", "--epochs", 24, "--batch-size", 4),
        ("export", "runs/lenet-shades", "--output", "shades.onnx"),
        ("classify", "shades.onnx", "new", "--json"),
    ]
    trained, exported, classified = (eyespot(*step, cwd=tmp_path) for step in steps)
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.splitlines() == [
        "runs/lenet-shades: 100.00% of 9 held-out images, 3 classes",
        "next: eyespot export runs/lenet-shades",
    ]
    lines = trained.stderr.splitlines()
    assert re.fullmatch(r"training on (the CPU, \d+ cores|\d+ GPUs?)", lines[0])
    assert lines[1] == "27 images to train on, 9 held out, stratified"
    assert all(re.fullmatch(r"epoch \d+/24: loss .*, held-out accuracy .*%", line) for line in lines[2:26])
    assert (exported.returncode, exported.stderr) == (0, "")
    assert exported.stdout.startswith("shades.onnx: lenet-shades ")
    answers = [json.loads(line) for line in classified.stdout.splitlines()]
    assert classified.returncode == 0, classified.stderr
    assert {Path(a["path"]).stem: a["predictions"][0]["label"] for a in answers} == {label: label for label in levels}


@pytest.mark.slow
def test_schedule_and_rate_are_those_of_the_options_and_tensorboard_gets_the_figures(
    bright: Path, tmp_path: Path
) -> None:
    options = (
        "--schedule",
        "plateau",
        "--learning-rate",
        "1e-9",
        "--schedule-patience",
        "1",
        "--schedule-factor",
        "0.5",
    )
    assert (
        main(train_command("lenet-mnist", bright, tmp_path / "run", *options, "--tensorboard", tmp_path / "logs")) == 0
    )
    losses, rates = figures(tmp_path / "run")[:, [0, 2]].T, figures(tmp_path / "run")[:, 4]
    held_out, expected = losses[1], [1e-9]
    for epoch in range(1, EPOCHS):  # the rate of an epoch follows from the losses of those before it
        stalled = epoch > 1 and held_out[epoch - 1] >= held_out[: epoch - 1].min()
        expected.append(expected[-1] * (0.5 if stalled else 1))
    assert rates == pytest.approx(expected)
    assert rates[-1] < rates[0]
    for side, figure in (("train", losses[0]), ("validation", held_out)):
        events = EventAccumulator(str(tmp_path / "logs" / side)).Reload()
        values = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_loss")]
        assert values == pytest.approx(figure, rel=1e-6)


@pytest.mark.slow
def test_a_rate_that_blows_up_ends_with_its_epoch_and_leaves_nothing(
    bright: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(train_command("lenet-mnist", bright, tmp_path / "run", "--learning-rate", "1e30")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(
        r"eyespot: (the loss became \S+ in epoch 1, step \d+|weights are .* after epoch 1)", err.splitlines()[-1]
    )
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_training_never_sees_is_named(
    draw: Draw, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = draw(cat=NAMES, dog=NAMES)
    (tmp_path / "split").mkdir()
    shutil.copytree(classes, tmp_path / "split" / "train")
    classes.rename(tmp_path / "split" / "test")
    shutil.copytree(tmp_path / "split" / "test" / "cat", tmp_path / "split" / "test" / "eel")
    for i, path in enumerate(sorted((tmp_path / "split" / "test").rglob("*.*"))):
        save_picture(path, 20 + 2 * i, (7, 7 + i))
    assert main(["train", "lenet", "--dataset", str(tmp_path / "split"), "--output", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("eyespot: every class needs pictures to train on, and 'eel' has held-out ones only")
    assert not (tmp_path / "run").exists()


def test_tensorboard_that_is_not_installed_is_said_before_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.practice.find_spec", lambda _: None)
    monkeypatch.setattr("training.train.fit", lambda *_: pytest.fail("the training began"))
    arguments = ["train", "lenet", "--tensorboard", str(tmp_path / "logs"), "--output", str(tmp_path / "run")]
    assert main(arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("pip install tensorboard")
    assert list(tmp_path.iterdir()) == []
