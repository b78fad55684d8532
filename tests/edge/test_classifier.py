"""The classifier, and the replay of its samples, against the same mathematics in NumPy."""

import doctest
import itertools
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_digits

import edge.classifier
import edge.image
from edge.classifier import Classifier, SelfTestResult, as_decoded, replay_self_test, require_self_test
from edge.errors import ImageError, MissingExtraError, ModelError, ParityError, UsageError
from edge.image import decode_image, read_image
from edge.model import INPUT_NAME, OUTPUT_NAME
from edge.result import Prediction, top_k
from edge.spec import Glyphs, SelfTest, SelfTestSample, Variant
from edge.steps import ResizeSide
from export.preprocess import make_model
from export.writer import encode_png
from tests.conftest import broken_self_test, run_eyespot, tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import noise, png

LABELS = ("dark", "middle", "bright")
DEEP = noise(12, 20, dtype=np.uint16)
# A softmax of float32 logits up to 8 against one of float64: about 8 * 2^-24.
TOLERANCE = 1e-6


@pytest.fixture
def classifier(tiny_model: Path) -> Classifier:
    return Classifier.load(tiny_model)


def grey(level: int, height: int = 9, width: int = 11) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def in_order_of_labels(predictions: tuple[Prediction, ...]) -> np.ndarray:
    by_label = {prediction.label: prediction.probability for prediction in predictions}
    return np.array([by_label[label] for label in LABELS])


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (480, 640)], ids=str)
@pytest.mark.parametrize("level", [0, 85, 200])
def test_probabilities_are_those_of_numpy(classifier: Classifier, level: int, size: tuple[int, int]) -> None:
    found = in_order_of_labels(classifier.classify(grey(level, *size)).predictions)
    assert np.abs(found - tiny_probabilities(level)).max() < TOLERANCE
    rows = classifier.probabilities(np.stack([grey(level, *size)] * 2))
    assert (rows.dtype, rows.shape, classifier.labels) == (np.float32, (2, 3), LABELS)
    assert np.abs(rows - tiny_probabilities(level)).max() < TOLERANCE


def test_every_kind_of_image_gives_the_same(classifier: Classifier, tmp_path: Path) -> None:
    pixels = noise(30, 40, 3)
    path = written(tmp_path / "noise.png", png(pixels))
    expected = classifier.classify(pixels)
    with open(path, "rb") as file, Image.open(path) as picture:
        for image in (path, str(path), path.read_bytes(), file, picture, read_image(path), pixels[:, ::-1][:, ::-1]):
            assert classifier.classify(image) == expected
            assert classifier.probabilities(pixels).shape == (1, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "CMYK", "I;16"])
def test_a_pillow_image_is_what_its_file_is(mode: str) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    picture = Image.fromarray(noise(12, 20, 4)).convert(mode) if mode != "I;16" else Image.fromarray(DEEP)
    stream = BytesIO()
    picture.save(stream, "TIFF" if mode == "CMYK" else "PNG", exif=turned)
    with Image.open(stream) as opened:
        assert np.array_equal(as_decoded(opened).pixels, decode_image(stream.getvalue()).pixels)


@pytest.mark.parametrize(
    "image",
    [
        *(np.zeros((4, 4, 3), dtype) for dtype in (np.float32, np.int8)),
        *(np.zeros(shape, np.uint8) for shape in [(4, 4), (4, 4, 4), (3, 4, 4), (1, 4, 4, 3), (0, 4, 3)]),
        None,
        7,
    ],
    ids=lambda image: f"{image.dtype}{list(image.shape)}" if isinstance(image, np.ndarray) else str(image),
)
def test_what_is_no_image_is_a_wrong_call(classifier: Classifier, image: Any) -> None:
    with pytest.raises(UsageError):
        classifier.classify(image)


def test_wrong_arguments_are_refused(classifier: Classifier, tiny_model: Path) -> None:
    with pytest.raises(UsageError):
        classifier.classify(grey(1), top_k=0)
    with pytest.raises(UsageError):
        classifier.probabilities(np.zeros((1, 4, 4, 3), np.float32))
    for options in ({"min_probability": -0.1}, {"min_probability": float("nan")}):
        with pytest.raises(UsageError):
            Classifier.load(tiny_model, **options)


def test_the_examples_of_the_docstrings_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = Path(__file__).parent.parent / "data"
    (tmp_path / "digits.onnx").symlink_to(data / "linear-digits.onnx")
    seven = (load_digits().images[17] * 255 / 16).round().astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    Image.fromarray(seven).save(tmp_path / "seven.png")
    names, runner = {"Classifier": Classifier, "classifier": Classifier.load("digits.onnx")}, doctest.DocTestRunner()
    for module in (edge.classifier, edge.image):
        for test in doctest.DocTestFinder().find(module):
            test.globs |= names
            runner.run(test)
    assert runner.tries > 4
    assert runner.failures == 0


def test_an_image_that_has_no_pixels_raises_its_code(classifier: Classifier, tmp_path: Path) -> None:
    for image, code in ((b"", "empty"), (b"text", "not_an_image"), (tmp_path / "none.png", "not_found")):
        with pytest.raises(ImageError) as caught:
            classifier.classify(image)
        assert caught.value.code == code
    with pytest.raises(ImageError) as caught:
        classifier.classify(png(noise(5, 5, 3)), max_pixels=24)
    assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize(("top_k", "labels"), [(1, 1), (2, 2), (3, 3), (4, 3), (None, 3)])
def test_the_best_come_first_and_no_more_than_asked_for(classifier: Classifier, top_k: int | None, labels: int) -> None:
    predictions = classifier.classify(grey(240), top_k).predictions
    order = np.argsort(-tiny_probabilities(240))
    assert [prediction.label for prediction in predictions] == [LABELS[i] for i in order][:labels]


def test_equal_probabilities_stay_in_the_order_of_the_labels() -> None:
    row = np.array([0.1, 0.3, 0.3, 0.0, 0.3], np.float32)
    assert [p.label for p in top_k("abcde", row, None)] == ["b", "c", "e", "a", "d"]
    assert [p.label for p in top_k("abcde", row, 2)] == ["b", "c"]


def test_threads_share_one_classifier(classifier: Classifier) -> None:
    levels = list(range(0, 256, 2)) * 4
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda level: classifier.classify(grey(level, 20 + level % 7, 30)).predictions, levels))
    for level, predictions in zip(levels, found, strict=True):
        assert np.abs(in_order_of_labels(predictions) - tiny_probabilities(level)).max() < TOLERANCE


@pytest.mark.parametrize(("own", "asked", "threshold"), [(None, 0.0, 0.0), (0.9, 0.5, 0.9), (0.5, 0.9, 0.9)])
def test_the_higher_threshold_decides_what_is_unsure(
    tiny_model: Path, tiny_content: bytes, own: float | None, asked: float, threshold: float
) -> None:
    written(tiny_model, restamped(tiny_content, reject_threshold=own))
    classifier = Classifier.load(tiny_model, min_probability=asked)
    for level in range(0, 256, 15):
        assert classifier.classify(grey(level)).unsure == (tiny_probabilities(level).max() < threshold)


def flat_model(kind: int, shape: list[int | str], output: str, answer_shape: list[int]) -> onnx.ModelProto:
    """A model that takes an input of any type and shape and answers the same to all."""
    answer = numpy_helper.from_array(np.full(answer_shape, 1 / 3, np.float32))
    graph = helper.make_graph(
        [helper.make_node("Constant", [], [output], value=answer)],
        "flat",
        [helper.make_tensor_value_info(INPUT_NAME, kind, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, answer_shape)],
    )
    return make_model(graph)


@pytest.mark.parametrize(
    ("kind", "shape", "output", "answer_shape"),
    [
        (TensorProto.FLOAT, ["N", "H", "W", 3], OUTPUT_NAME, [1, 3]),
        (TensorProto.UINT8, ["N", "H", 3], OUTPUT_NAME, [1, 3]),
        (TensorProto.UINT8, ["N", 3, "H", "W"], OUTPUT_NAME, [1, 3]),
        (TensorProto.UINT8, ["N", "H", "W", 1], OUTPUT_NAME, [1, 3]),
        (TensorProto.UINT8, ["N", "H", "W", 3], "logits", [1, 3]),
        (TensorProto.UINT8, ["N", "H", "W", 3], OUTPUT_NAME, [1, 4]),
        (TensorProto.UINT8, ["N", "H", "W", 3], OUTPUT_NAME, []),
    ],
    ids=["float", "three-sides", "channels-first", "grey", "no-probabilities", "four-classes", "scalar"],
)
def test_a_model_of_another_signature_is_refused(
    tiny_model: Path, tiny_content: bytes, kind: int, shape: list[int | str], output: str, answer_shape: list[int]
) -> None:
    written(tiny_model, restamped(tiny_content, flat_model(kind, shape, output, answer_shape), self_test=None))
    with pytest.raises(ModelError) as caught:
        Classifier.load(tiny_model)
    assert str(caught.value).startswith(f"{tiny_model}: ")
    assert "\n" not in str(caught.value)


def test_many_images_give_what_each_alone_gives_and_a_broken_one_its_error(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model, threads=1)
    levels = np.random.default_rng(0).integers(0, 256, 50)
    images = [np.full((5, 7, 3), level, np.uint8) for level in levels]
    answers = list(classifier.classify_many([*images, b"no picture", images[0]], top_k=2, threads=3))
    assert answers[:50] == [classifier.classify(image, 2) for image in images]
    assert isinstance(answers[50], ImageError)
    assert answers[50].code == "not_an_image"
    assert answers[51] == answers[0]


def test_many_images_may_be_endless_and_a_wrong_one_ends_them(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model)
    endless = classifier.classify_many(itertools.repeat(np.zeros((5, 7, 3), np.uint8)))
    assert [next(endless) for _ in range(5)] == [classifier.classify(np.zeros((5, 7, 3), np.uint8))] * 5
    with pytest.raises(UsageError, match="an image must be uint8 RGB"):
        list(classifier.classify_many([np.zeros((5, 7), np.uint8)]))
    for threads in (0, -1):
        with pytest.raises(UsageError, match=rf"^threads must be at least 1\. Received: {threads}$"):
            list(classifier.classify_many([], threads=threads))


Replay = Callable[[SelfTest | None], SelfTestResult]


def sample(name: str, level: int, off: float = 0.0) -> SelfTestSample:
    """A grey picture, and what NumPy gives it, made wrong by `off` for its first label."""
    picture = encode_png(np.full((4, 4, 3), level, np.uint8))
    first, *others = tiny_probabilities(level).tolist()
    return SelfTestSample(name, picture, (first + off, *others))


def replayed(path: Path) -> SelfTestResult:
    classifier = Classifier.load(path)
    return replay_self_test(classifier.spec, classifier.probabilities)


def required(path: Path) -> SelfTestResult:
    classifier = Classifier.load(path)
    return require_self_test(classifier.spec, classifier.probabilities, "tiny.onnx")


@pytest.fixture
def replay(tiny_model: Path, tiny_content: bytes) -> Replay:
    """Replay the tiny model with another self-test in its spec."""
    return lambda self_test: replayed(written(tiny_model, restamped(tiny_content, self_test=self_test)))


def test_the_tiny_model_passes(tiny_model: Path) -> None:
    result = replayed(tiny_model)
    assert result.passed
    assert result.samples == 3
    assert result.largest_difference < TOLERANCE
    assert result.tolerance == 1e-4
    assert result.worst_sample in ("grey 10", "grey 128", "grey 240")


def test_a_wrong_claim_fails_by_as_much_as_it_is_wrong(replay: Replay) -> None:
    result = replay(broken_self_test())
    assert not result.passed
    assert result.worst_sample == "dark"
    expected = np.abs(tiny_probabilities(0) - [0, 0, 1]).max()
    assert abs(result.largest_difference - expected) < TOLERANCE


def test_the_worst_sample_is_named(replay: Replay) -> None:
    samples = [sample(f"off by {off}", 128, off) for off in (0.01, 0.03, 0.02)]
    result = replay(SelfTest(0.02, tuple(samples)))
    assert (result.samples, result.worst_sample, result.passed) == (3, "off by 0.03", False)
    assert abs(result.largest_difference - 0.03) < TOLERANCE


def test_where_a_self_test_is_required_a_failure_is_an_error(tiny_model: Path, tiny_content: bytes) -> None:
    assert required(tiny_model).passed
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test()))
    with pytest.raises(ParityError):
        required(tiny_model)


def test_a_variant_is_held_to_its_own_answers(tiny_model: Path, tiny_content: bytes) -> None:
    variant = Variant("int8", "U8S8", "minmax", (), 450, 0.99, 0.99, 1.0, 0.1, 0.5)
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test(), variant=variant))
    with pytest.raises(ParityError, match="at its export"):
        required(tiny_model)


def test_a_picture_that_would_become_huge_is_refused(tiny_model: Path, tiny_content: bytes) -> None:
    written(tiny_model, restamped(tiny_content, preprocessing=(ResizeSide("shorter", 256, "linear"),)))
    classifier = Classifier.load(tiny_model)
    assert len(classifier.classify(np.zeros((10, 20, 3), np.uint8)).predictions) == 3
    long = np.zeros((1, 200_000, 3), np.uint8)
    with pytest.raises(ImageError) as caught:
        classifier.classify(long)
    assert caught.value.code == "too_many_pixels"


# Python runs a module of this name at its start; here it makes OpenCV unfindable.
NO_OPENCV = "import sys; sys.modules['cv2'] = None\n"


@pytest.mark.parametrize("command", ["classify", "verify", "info", "batch", "doctor"])
def test_whole_pictures_need_no_opencv(command: str, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(NO_OPENCV)
    written(tmp_path / "a.png", png(noise(9, 11, 3)))
    arguments = {
        "classify": [tiny_model, tmp_path, "--draw", tmp_path / "copies"],
        "batch": [tiny_model, tmp_path / "a.png", "--output", tmp_path / "rows.jsonl", "--report", tmp_path / "r.html"],
        "doctor": [],
    }.get(command, [tiny_model])
    done = run_eyespot(command, *arguments, env=os.environ | {"PYTHONPATH": str(tmp_path / "without")})
    assert (done.returncode, len(done.stderr.splitlines()) < 3) == (0, True), done.stderr


def test_regions_name_the_extra_that_they_need(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("edge.regions")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match="camera"):
        Classifier.load(tiny_model, regions=Glyphs(2))
