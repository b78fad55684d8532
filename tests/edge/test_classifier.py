"""The classifier against the same mathematics in NumPy."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge import load_whole
from edge.artifact import INPUT_NAME, OUTPUT_NAME
from edge.classification import Prediction, rank
from edge.classifier import Classifier
from edge.decode import DecodedImage, read_image
from edge.errors import ImageError, ModelError, ModelNotFoundError, UsageError
from edge.spec import Faces, Glyphs
from export.preprocess import make_model
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import restamped, without_entry, written
from tests.edge.pictures import animation, noise, png

LABELS = ("dark", "middle", "bright")
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


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 50), (97, 61), (480, 640)], ids=str)
@pytest.mark.parametrize("level", [0, 60, 85, 128, 200, 255])
def test_probabilities_are_those_of_numpy(classifier: Classifier, level: int, size: tuple[int, int]) -> None:
    found = in_order_of_labels(classifier.classify(grey(level, *size)).predictions)
    assert np.abs(found - tiny_probabilities(level)).max() < TOLERANCE


def test_a_batch_gives_what_its_images_give(classifier: Classifier) -> None:
    levels = [0, 100, 255]
    rows = classifier.probabilities(np.stack([grey(level) for level in levels]))
    assert (rows.dtype, rows.shape) == (np.float32, (3, 3))
    assert np.abs(rows - [tiny_probabilities(level) for level in levels]).max() < TOLERANCE
    assert np.abs(rows.sum(axis=1) - 1).max() < TOLERANCE


def test_every_way_to_hand_over_an_image_gives_the_same(classifier: Classifier, tmp_path: Path) -> None:
    pixels = noise(30, 40, 3)
    path = written(tmp_path / "noise.png", png(pixels))
    expected = classifier.classify(pixels)
    for image in (path, str(path), path.read_bytes(), read_image(path), DecodedImage(pixels, None)):
        assert classifier.classify(image) == expected


def test_an_array_may_lie_in_memory_in_any_way(classifier: Classifier) -> None:
    pixels = noise(30, 40, 3)
    mirrored = pixels[:, ::-1]
    assert classifier.classify(mirrored) == classifier.classify(np.ascontiguousarray(mirrored))
    read_only = pixels.copy()
    read_only.flags.writeable = False
    assert classifier.classify(read_only) == classifier.classify(pixels)


def test_the_note_of_the_decoder_is_handed_on(classifier: Classifier) -> None:
    assert classifier.classify(animation("GIF")).note == "first picture of several in this GIF"
    assert classifier.classify(png(noise(5, 5, 3))).note is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.int8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=lambda image: f"{image.dtype}{list(image.shape)}",
)
def test_an_array_of_another_kind_is_refused(classifier: Classifier, image: np.ndarray) -> None:
    with pytest.raises(UsageError) as caught:
        classifier.classify(image)
    assert str(caught.value) == (f"an image must be uint8 RGB [H, W, 3]. Received: {image.dtype} {list(image.shape)}")


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


@pytest.mark.parametrize("top_k", [0, -1])
def test_fewer_than_one_is_refused(classifier: Classifier, top_k: int) -> None:
    with pytest.raises(UsageError, match=f"^top_k must be at least 1. Received: {top_k}$"):
        classifier.classify(grey(1), top_k)


def test_equal_probabilities_stay_in_the_order_of_the_labels() -> None:
    row = np.array([0.1, 0.3, 0.3, 0.0, 0.3], np.float32)
    assert [p.label for p in rank("abcde", row, None)] == ["b", "c", "e", "a", "d"]
    assert [p.label for p in rank("abcde", row, 2)] == ["b", "c"]


def test_a_probability_reads_as_short_as_it_is_exact() -> None:
    row = np.random.default_rng(0).random(1000, np.float32)
    found = [p.probability for p in rank([str(i) for i in range(1000)], row, None)]
    assert np.array_equal(np.array(found, np.float32), np.sort(row)[::-1])
    assert max(len(repr(value)) for value in found) <= 14  # nine digits, a point, and up to e-05


def test_threads_share_one_classifier(classifier: Classifier) -> None:
    levels = list(range(0, 256, 2)) * 4
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda level: classifier.classify(grey(level, 20 + level % 7, 30)).predictions, levels))
    for level, predictions in zip(levels, found, strict=True):
        assert np.abs(in_order_of_labels(predictions) - tiny_probabilities(level)).max() < TOLERANCE


def test_a_missing_model_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="there is no such model file"):
        Classifier.load(tmp_path / "none.onnx")


def test_what_a_spec_looks_for_is_looked_for_unless_told_otherwise(tiny_model: Path, tiny_content: bytes) -> None:
    assert Classifier.load(tiny_model).regions is None
    assert Classifier.load(tiny_model, regions=Glyphs(2)).regions == Glyphs(2)
    written(tiny_model, restamped(tiny_content, regions=Faces()))
    assert Classifier.load(tiny_model).regions == Faces()
    assert Classifier.load(tiny_model, regions="none").regions is None


def test_a_face_model_for_a_model_that_looks_for_none_is_refused(tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="this one looks for none"):
        Classifier.load(tiny_model, face_model="yunet.onnx")


@pytest.mark.parametrize(("own", "asked", "threshold"), [(None, 0.0, 0.0), (0.9, 0.5, 0.9), (0.5, 0.9, 0.9)])
def test_the_higher_threshold_decides_what_is_unsure(
    tiny_model: Path, tiny_content: bytes, own: float | None, asked: float, threshold: float
) -> None:
    written(tiny_model, restamped(tiny_content, abstain_below=own))
    classifier = Classifier.load(tiny_model, min_probability=asked)
    for level in range(0, 256, 15):
        assert classifier.classify(grey(level)).unsure == (tiny_probabilities(level).max() < threshold)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(tiny_model: Path, value: float) -> None:
    with pytest.raises(UsageError, match=r"^min_probability must be 0 to 1\."):
        Classifier.load(tiny_model, min_probability=value)


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


def test_a_model_of_the_right_signature_is_taken(tiny_model: Path, tiny_content: bytes) -> None:
    model = flat_model(TensorProto.UINT8, ["N", "H", "W", 3], OUTPUT_NAME, [1, 3])
    classifier = Classifier.load(written(tiny_model, restamped(tiny_content, model, self_test=None)))
    assert len(classifier.classify(grey(30)).predictions) == 3


def test_a_model_that_the_runtime_cannot_load_is_refused(tiny_model: Path, tiny_content: bytes) -> None:
    model = without_entry(tiny_content)
    model.graph.node[0].op_type = "NoSuchOperator"
    written(tiny_model, restamped(tiny_content, model))
    with pytest.raises(ModelError, match="cannot load this model"):
        Classifier.load(tiny_model)


def test_a_model_that_is_replaced_while_it_is_loaded_is_refused(
    tiny_model: Path, tiny_content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = restamped(tiny_content, labels=("cat", "dog", "owl"))
    create_session = load_whole.create_session

    def replace_and_create(*arguments: Any, **options: Any) -> Any:
        written(tiny_model, other)
        return create_session(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(load_whole, "create_session", replace_and_create)
        with pytest.raises(ModelError, match=r"tiny\.onnx: the file was replaced while it was loaded; load it again$"):
            Classifier.load(tiny_model)
    assert Classifier.load(tiny_model).spec.labels == ("cat", "dog", "owl")


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
