"""`eyespot export` on networks from elsewhere: the file answers as Keras does, and says what it changed."""

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from scipy import special

from edge.model import read_spec
from export.quiet_tensorflow import start_tensorflow
from eyespot.cli import main

start_tensorflow()
import keras
from keras import layers

from tests.export.foreign import LABELS, SIDE, answers, build, classifier, write_keras_2, write_labels

STEPS = [{"kind": "resize", "height": SIDE, "width": SIDE, "method": "antialias"}, {"kind": "scale", "factor": 1 / 255}]


def export(path: Path, *options: object, labels: tuple[str, ...] = LABELS, preprocessing: object = "unit") -> Path:
    """Export a model beside it, under the name m.onnx."""
    output = path.parent / "m.onnx"
    given = ["--labels", write_labels(path.parent, labels), "--preprocessing", preprocessing, "--output", output]
    assert main(["export", str(path), *map(str, [*given, *options])]) == 0
    return output


def refused(capsys: pytest.CaptureFixture[str], path: Path, *options: object, labels: tuple[str, ...] = LABELS) -> str:
    """Try to export, see that one line says why not and that nothing is written, and return the line."""
    output = path.parent / "m.onnx"
    capsys.readouterr()
    arguments = ["--labels", write_labels(path.parent, labels), "--preprocessing", "unit", "--output", output, *options]
    assert main(["export", str(path), *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert (out, output.exists()) == ("", False)
    (line,) = err.splitlines()
    return line


def shrunk(pixels: np.ndarray) -> np.ndarray:
    """What Pillow makes of a picture for the network, in levels."""
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32)[None]


def check(path: Path, network: keras.Model, scale: float = 1 / 255) -> None:
    """The file answers pictures as Keras does behind Pillow."""
    for pixels, found in answers(path):
        expected = np.asarray(network(shrunk(pixels) * np.float32(scale), training=False))[0]
        # One level of 255 at the resize moves the answers of these small networks by less than a hundredth.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_file_of_keras_3(tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    network = classifier()
    network.save(tmp_path / f"net{suffix}")
    path = export(tmp_path / f"net{suffix}")
    check(path, network)
    spec = read_spec(path)
    assert (spec.name, spec.labels, spec.training) == ("m", LABELS, None)
    assert spec.parity is not None
    assert (spec.parity.reference, spec.parity.origin, spec.parity.images) == ("keras", "made", 24)
    assert "compared on 24 pictures that eyespot made itself" in capsys.readouterr().out


def test_a_file_of_keras_2(tmp_path: Path) -> None:
    kernel = write_keras_2(tmp_path / "old.hdf5")
    for pixels, found in answers(export(tmp_path / "old.hdf5")):
        picture = shrunk(pixels)[0].astype(np.float64) / 255
        windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3), axis=(0, 1))
        logits = np.einsum("yxcij,ijc->yxc", windows, kernel[..., 0]).mean(axis=(0, 1))
        np.testing.assert_allclose(found, special.softmax(logits), rtol=0, atol=1e-2)


def test_a_saved_model(tmp_path: Path) -> None:
    network = classifier(shape=(None, None, 3))
    network.export(tmp_path / "saved", verbose=False)
    path = export(tmp_path / "saved", "--size", f"{SIDE}x{SIDE}")
    check(path, network)
    spec = read_spec(path)
    assert spec.parity is not None
    assert spec.parity.reference == "tensorflow"


def test_steps_from_a_file_and_pictures_from_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = classifier(shape=(None, None, 3))
    network.save(tmp_path / "net.keras")
    (tmp_path / "steps.json").write_text(json.dumps(STEPS))
    (tmp_path / "photos").mkdir()
    for i in range(3):
        noise = np.random.default_rng(i).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / f"{i}.png")
    path = export(tmp_path / "net.keras", "--images", tmp_path / "photos", preprocessing=tmp_path / "steps.json")
    check(path, network)
    parity = read_spec(path).parity
    assert parity is not None
    assert (parity.origin, parity.images, parity.comparisons) == ("folder", 3, 9)
    assert "compared on 3 pictures of yours" in capsys.readouterr().out


def test_augmentation_leaves_nothing_behind(tmp_path: Path) -> None:
    random = [layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomZoom(0.2), layers.RandomContrast(0.3)]
    random += [layers.RandomBrightness(0.2), layers.RandomTranslation(0.1, 0.1), layers.GaussianNoise(0.5)]
    with_them, without = classifier(before=random), classifier()
    with_them.set_weights([*with_them.get_weights()[:-4], *without.get_weights()])
    kinds = []
    for name, network in (("with", with_them), ("without", without)):
        (tmp_path / name).mkdir()
        network.save(tmp_path / name / "net.keras")
        kinds.append([node.op_type for node in onnx.load(export(tmp_path / name / "net.keras")).graph.node])
    assert kinds[0] == kinds[1]


def test_a_network_of_one_channel_and_one_of_rows(tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    grey = classifier(shape=(SIDE, SIDE, 1))
    rows = keras.Sequential([keras.Input((SIDE * SIDE,)), layers.Dense(3, "softmax")])
    for name, network, options in (("grey", grey, []), ("rows", rows, ["--size", f"{SIDE}x{SIDE}"])):
        (tmp_path / name).mkdir()
        network.save(tmp_path / name / "net.keras")
        for pixels, found in answers(export(tmp_path / name / "net.keras", *options)):
            luma = np.asarray(Image.fromarray(shrunk(pixels)[0].astype(np.uint8)).convert("L"), np.float32) / 255
            expected = np.asarray(network(luma.reshape(1, *network.input_shape[1:])))[0]
            np.testing.assert_allclose(found, expected, rtol=0, atol=2e-2)


@keras.saving.register_keras_serializable("elsewhere")
class Doubling(layers.Layer):
    """A layer whose code no file carries."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x * 2


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_code_that_no_file_carries_is_refused_with_its_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    inner = keras.Sequential([keras.Input((6,)), Doubling(name="mine")], name="inner")
    build([inner, layers.Dense(3, "softmax")]).save(tmp_path / f"custom{suffix}")
    build([layers.Lambda(lambda x: x * 2, name="twice")]).save(tmp_path / f"lambda{suffix}")
    monkeypatch.setattr("keras.saving.get_registered_object", lambda _: None)  # as where the class was never imported
    line = refused(capsys, tmp_path / f"custom{suffix}")
    assert "the layer 'mine' is of the class elsewhere>Doubling, whose code is not in the file" in line
    assert "the layer 'twice' is a Lambda" in refused(capsys, tmp_path / f"lambda{suffix}")


def fixed_batch() -> keras.Model:
    start = keras.Input(batch_shape=(2, SIDE, SIDE, 3))
    return keras.Model(start, layers.Dense(3)(layers.Flatten()(start)))


def normalised() -> keras.Model:
    """What a Normalization layer that was adapted holds are constants of the traced function."""
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).uniform(0, 1, (20, SIDE, SIDE, 3)))
    return classifier(before=[layer])


def two_halves() -> keras.Model:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return classifier()
    finally:
        keras.config.set_dtype_policy("float32")


KINDS = {
    "normalization": (normalised, ""),
    "gelu": (lambda: classifier(before=[layers.Conv2D(4, 3, activation="gelu")]), ""),
    "hard_sigmoid": (lambda: classifier(before=[layers.Conv2D(4, 3, activation="hard_sigmoid")]), ""),
    "selu": (lambda: classifier(before=[layers.Conv2D(4, 3, activation="selu")]), ""),
    "groups": (lambda: classifier(before=[layers.Conv2D(6, 1), layers.Conv2D(4, 3, groups=2)]), ""),
    "bfloat16": (two_halves, "half precision"),
    "batch": (fixed_batch, "takes any number"),
    "four axes": (lambda: build([layers.Reshape((1, 1, 6)), layers.Conv2D(3, 1), layers.Softmax()]), ""),
}


@pytest.mark.parametrize(
    "kind",
    [
        *("normalization", "gelu", "groups", "bfloat16", "batch"),
        *(pytest.param(k, marks=pytest.mark.slow) for k in ("hard_sigmoid", "selu", "four axes")),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_networks_as_they_come(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    make, note = KINDS[kind]
    network = make()
    network.save(tmp_path / "net.keras")
    path = export(tmp_path / "net.keras")
    assert note in capsys.readouterr().out
    for pixels, found in answers(path):
        given = np.repeat(shrunk(pixels) / np.float32(255), network.input_shape[0] or 1, axis=0)
        expected = np.asarray(network(given, training=False), np.float64)[0].ravel()
        expected = expected if np.isclose(expected.sum(), 1, atol=0.02) else special.softmax(expected)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-2)


def test_a_keras_file_of_keras_2(tmp_path: Path) -> None:
    """Keras 2.13 to 2.15 wrote the shape of the input into every first layer, and called it otherwise."""
    network = classifier(before=[layers.Rescaling(2.0)])
    network.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as source, zipfile.ZipFile(tmp_path / "old.keras", "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "config.json":
                config = json.loads(content)
                for layer in config["config"]["layers"]:
                    shape = layer["config"].pop("batch_shape", [None, SIDE, SIDE, 3])
                    if layer["class_name"] in ("InputLayer", "Rescaling"):
                        layer["config"]["batch_input_shape"] = shape
                    layer["config"]["dtype"] = "float32"
                content = json.dumps(config).encode()
            target.writestr(entry, content)
    check(export(tmp_path / "old.keras"), network)


def photographs(folder: Path, network: keras.Model) -> tuple[Path, np.ndarray]:
    """A folder for each label with noise in it, named after what the network says of most; and the right answers."""
    rights = []
    for i in range(60):
        noise = np.random.default_rng(i).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        noise = (noise * np.random.default_rng(100 + i).uniform(0, 1, 3)).astype(np.uint8)
        said = int(np.asarray(network(noise[None] / np.float32(255)))[0].argmax())
        shown = (said + 1) % 3 if i % 10 == 9 else said
        path = folder / LABELS[shown] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(path)
        rights.append(said == shown)
    return folder, np.array(rights)


def test_labelled_pictures_give_it_all_that_a_run_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = build([layers.Dense(3, None, kernel_initializer=keras.initializers.RandomNormal(0, 5.0))])
    network.save(tmp_path / "net.keras")
    folder, _ = photographs(tmp_path / "photos", network)
    path = export(tmp_path / "net.keras", "--images", folder, "--calibrate", "--answer-accuracy", "0.5", "--int8")
    spec = read_spec(path)
    training, variant, fingerprint = spec.training, spec.variant, spec.fingerprint
    assert training is not None
    assert variant is not None
    assert fingerprint is not None
    judged = sorted(p for p in folder.rglob("*.png"))
    judged = [p for i, p in enumerate(judged) if i % 5]
    exact = np.stack([np.asarray(network(np.asarray(Image.open(p))[None] / np.float32(255)))[0] for p in judged])
    shown = np.array([LABELS.index(p.parent.name) for p in judged])
    assert (training.evaluation_images, training.accuracy) == (48, (exact.argmax(axis=1) == shown).mean())
    assert training.classes.support == tuple(np.bincount(shown, minlength=3))
    assert training.classes.predicted == tuple(np.bincount(exact.argmax(axis=1), minlength=3))
    assert (variant.kind, variant.images, variant.float32_accuracy) == ("int8", 48, training.accuracy)
    assert fingerprint.classes == training.classes.predicted
    assert training.temperature != 1
    assert spec.reject_threshold is not None
    assert f"accuracy: {training.accuracy:.2%} of 48 labelled pictures" in capsys.readouterr().out


def test_pictures_without_labels_judge_by_agreement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = classifier()
    network.save(tmp_path / "net.keras")
    folder, _ = photographs(tmp_path / "photos", network)
    for i, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(folder / f"{i}.png")
    for label in LABELS:
        (folder / label).is_dir() and (folder / label).rmdir()
    variant = read_spec(export(tmp_path / "net.keras", "--images", folder, "--fp16")).variant
    assert variant is not None
    assert (variant.accuracy, variant.images) == (None, 48)
    assert variant.top1_agreement >= 0.995
    for options in (["--int8"], ["--calibrate"], ["--images", folder, "--answer-accuracy", "0.9"]):
        (tmp_path / "m.onnx").unlink(missing_ok=True)
        refused(capsys, tmp_path / "net.keras", *options)


def test_other_formats_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {
        "net.pt": "PyTorch",
        "net.tflite": "Lite",
        "model.json": "TensorFlow.js",
        "net.pkl": "pickle",
        "net.txt": "",
    }
    for name, kind in kinds.items():
        (tmp_path / name).write_text('{"format": "layers-model", "weightsManifest": []}')
        assert kind in refused(capsys, tmp_path / name)
    (tmp_path / "folder").mkdir()
    assert "folder" in refused(capsys, tmp_path / "folder")
    assert f"did you mean {tmp_path / 'folder'}?" in refused(capsys, tmp_path / "foldre")


def two_inputs() -> keras.Model:
    ends = [keras.Input((SIDE, SIDE, 1)), keras.Input((SIDE, SIDE, 1))]
    return keras.Model(ends, layers.Dense(3)(layers.Flatten()(layers.Add()(ends))))


@pytest.mark.parametrize(
    ("make", "options", "labels", "said"),
    [
        (two_inputs, [], LABELS, "one input and one output [N, classes]"),
        (lambda: classifier(3), [], LABELS[:2], "has 3 classes for 2 labels"),
        (lambda: classifier(1, "sigmoid"), [], LABELS, "has 2 classes for 3 labels"),
        (lambda: classifier(shape=(None, None, 3)), [], LABELS, "say with --size HxW"),
        (lambda: build([layers.Dense(3, "softmax", kernel_initializer="zeros")]), [], LABELS, "answers the same"),
        (lambda: classifier(3), ["--tolerance", "1e-12"], LABELS, "the limit is 1e-12"),
        (lambda: classifier(3), ["--images", "nowhere"], LABELS, "nowhere: --images must name a folder"),
    ],
    ids=["inputs", "labels", "sigmoid", "size", "dead", "tolerance", "images"],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make, options: list[str], labels: tuple[str, ...], said: str
) -> None:
    make().save(tmp_path / "net.keras")
    assert said in refused(capsys, tmp_path / "net.keras", *options, labels=labels)


def test_files_that_hold_no_network_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = classifier()
    network.save_weights(tmp_path / "only.weights.h5")
    assert "it holds weights alone, no network" in refused(capsys, tmp_path / "only.weights.h5")
    network.save(tmp_path / "net.keras")
    whole = (tmp_path / "net.keras").read_bytes()
    for name, content in (("cut.keras", whole[: len(whole) // 2]), ("cut.h5", whole[:900]), ("empty.keras", b"")):
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "deep.keras", "w") as archive:
        archive.writestr("config.json", "[" * 100_000)
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"no graph")
    for name in ("cut.keras", "cut.h5", "empty.keras", "deep.keras", "missing.keras", "saved"):
        assert name in refused(capsys, tmp_path / name)


def test_augmentation_that_keras_left_switched_on_in_a_saved_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier(before=[layers.RandomFlip()]).export(tmp_path / "saved", verbose=False)
    line = refused(capsys, tmp_path / "saved")
    assert "random_flip" in line
    assert "export the .keras file or a network without it" in line


def test_options_that_are_missing_or_too_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.keras").touch()
    (tmp_path / "plain.onnx").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.json").touch()
    for arguments, said in (
        ([tmp_path / "net.keras"], "does not say its labels; give --labels"),
        ([tmp_path / "net.keras", "--labels", write_labels(tmp_path)], "give --preprocessing"),
        ([tmp_path / "run", "--labels", write_labels(tmp_path)], "--labels is for a network from elsewhere"),
        ([tmp_path / "plain.onnx"], "this is not an ONNX model"),
    ):
        assert main(["export", *map(str, arguments)]) == 2
        assert said in capsys.readouterr().err
