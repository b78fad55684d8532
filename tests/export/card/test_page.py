"""The card as a reader's browser gets it: whole, harmless, and true to the file."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from edge.model import read_spec
from edge.spec import ClassCounts, Confusion, SelfTest, SelfTestSample, Variant
from edge.steps import Grey, Resize, ReverseChannels, Scale, Standardise, Step, SubtractMean
from export.writer import encode_png
from eyespot.cli import main
from tests.edge.artifacts import restamped, without_entry, written
from tests.export.card.artifacts import make_labels, photograph, random_counts, write_model
from tests.export.card.parsed import Page

GREY: tuple[Step, ...] = (Resize(24, 32, "antialias"), Grey(), Scale(1 / 127.5))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COLOUR: tuple[Step, ...] = (Resize(16, 16, "antialias"), Scale(1 / 255), Standardise(MEAN, STD))
CAFFE: tuple[Step, ...] = (Resize(40, 30, "antialias"), ReverseChannels(), SubtractMean((103.9, 116.8, 123.7)))
HOSTILE = ("</title><script>alert(1)</script>", '" onerror="x', "a & b", "שלום", "two\nlines", "\udc80")
# A level that Pillow rounds the other way is one level off, and as much after another rounding.
ROUNDING = 2


def card_of(model: Path, *options: str | Path) -> Page:
    output = model.parent / "card.html"
    assert main(["card", str(model), "--output", str(output), *map(str, options)]) == 0
    return Page(output.read_text(encoding="utf-8"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.onnx", make_labels(3), COLOUR)


@pytest.mark.parametrize(("count", "steps"), [(2, GREY), (10, COLOUR), (1000, CAFFE)], ids=["2", "10", "1000"])
def test_figures_are_those_of_the_file(tmp_path: Path, count: int, steps: tuple[Step, ...]) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(count), steps)
    page, spec, graph = card_of(model), read_spec(model), onnx.load(model).graph
    weights = next(np.prod(c.dims) for c in graph.initializer if c.name == "weights")
    assert spec.training
    header, main_text = page.by_id["header"], page.by_id["main"]
    support = spec.training.classes.support
    for said in (f"{spec.training.accuracy:.2%}", f"{max(support) / sum(support):.2%}", "2.5e-07"):
        assert said in header
    facts = ("100.00% of 60 comparisons", "keras 3.15.1, onnx 1.23.2", "waves, 3 epochs, seed 4", str(spec.version))
    for said in (*facts, f"{model.stat().st_size:,} bytes", f"{weights:,} of float32"):
        assert said in main_text
    network = ["ReduceMean", "MatMul", "Softmax"]
    assert page.table("Nodes of the network")[1:] == [[operator, "1"] for operator in network]
    front = [node.op_type for node in graph.node][: -len(network)]
    rows = page.table("Nodes of the preprocessing")[1:]
    assert {operator: int(nodes) for operator, nodes in rows} == {kind: front.count(kind) for kind in front}
    (labels,) = re.findall(r'<ol class="labels[^>]*>.*?</ol>', page.source)
    assert re.findall(r"<bdi>(.*?)</bdi>", labels) == list(spec.labels)
    assert_harmless(page)


def assert_harmless(page: Page) -> None:
    """Nothing comes from elsewhere, nothing runs, and every picture has its own alternative text."""
    names = {name for name, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form", "a", "audio", "video", "svg"}
    for _, attributes in page.tags:
        assert not attributes.keys() & {"href", "srcset", "action", "background", "poster"}
        assert not any(name.startswith("on") for name in attributes)
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in page.all("img"))
    assert not re.search(r"url\(|@import", page.by_id["style"])
    # The commands name an address; nothing else does.
    assert page.source.replace("http://127.0.0.1:3000", "").count("://") == 0
    (policy,) = (m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none'")
    assert page.all("html") == [{"lang": "en"}]
    assert len({str(image["alt"]) for image in page.all("img")}) == 4


def test_labels_that_mean_harm_are_text(tmp_path: Path) -> None:
    page = card_of(write_model(tmp_path / "m.onnx", HOSTILE, GREY, name="<img src=x onerror=alert(1)>"))
    assert page.by_id["h1"] == "<img src=x onerror=alert(1)>"
    assert [row[0] for row in page.table("Every class")[1:]] == [*HOSTILE[:4], "two\\nlines", "\\udc80"]
    assert_harmless(page)


def test_warnings_of_the_training_are_shown_and_escaped(tmp_path: Path) -> None:
    warnings = ("the class 'class 1' is never predicted", "no better than <b>always</b> the most frequent class")
    page = card_of(write_model(tmp_path / "m.onnx", make_labels(3), COLOUR, warnings=warnings))
    assert len([1 for attributes in page.all("p") if attributes.get("class") == "warning"]) == 2
    assert all(warning in page.by_id["main"] for warning in warnings)
    assert page.by_id["main"].index(warnings[0]) < page.by_id["main"].index("How good it is")


def pillow_resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)).astype(np.float64)


def drawn(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """The pixels of a picture in which these values are drawn from black to white."""
    return (values - black) / (white - black) * 255


def test_the_stages_are_what_pillow_opencv_and_numpy_make(tmp_path: Path) -> None:
    small = {steps[0]: pillow_resized(photograph(), steps[0].height, steps[0].width) for steps in (GREY, COLOUR, CAFFE)}  # type: ignore[union-attr]
    luma = cv2.cvtColor(small[GREY[0]].astype(np.uint8), cv2.COLOR_RGB2GRAY)[:, :, None]
    black, white = ((0 - np.array(MEAN)) / STD).min(), ((1 - np.array(MEAN)) / STD).max()
    standard = drawn((small[COLOUR[0]] / 255 - MEAN) / STD, black, white)
    turned = small[CAFFE[0]][:, :, ::-1]
    less = drawn(turned - np.array([103.9, 116.8, 123.7]), -123.7, 255 - 103.9)
    for steps, expected in {
        GREY: (small[GREY[0]], luma, luma),
        COLOUR: (small[COLOUR[0]], small[COLOUR[0]], standard),
        CAFFE: (small[CAFFE[0]], turned, less),
    }.items():
        page = card_of(write_model(tmp_path / "m.onnx", make_labels(3), steps))
        for found, stage in zip(page.pictures(), (photograph(), *expected), strict=True):
            assert np.abs(found - np.broadcast_to(stage, found.shape).astype(np.float64)).max() <= ROUNDING
        assert "number for number" in page.by_id["main"]


def test_a_file_of_another_graph_than_its_steps_is_found_out(model: Path) -> None:
    written(model, restamped(model.read_bytes(), preprocessing=(COLOUR[0], Scale(1 / 250), COLOUR[2])))
    page = card_of(model)
    assert "number for number" not in page.by_id["main"]
    assert "made by another eyespot" in page.by_id["main"]


def test_a_picture_of_ones_own_is_shown_smaller_and_answered_as_on_the_command_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photograph(700, 1024, 5)).save(tmp_path / "mine.png")
    page = card_of(model, "--image", tmp_path / "mine.png")
    assert "mine.png" in page.by_id["main"]
    assert str(tmp_path) not in page.source
    first, second, *_ = page.pictures()
    assert first.shape == (350, 512, 3)
    expected = photograph(700, 1024, 5).reshape(350, 2, 512, 2, 3).mean(axis=(1, 3))
    assert np.abs(first - expected).max() <= 1
    assert np.abs(second - pillow_resized(photograph(700, 1024, 5), 16, 16)).max() <= ROUNDING
    capsys.readouterr()
    assert main(["classify", str(model), str(tmp_path / "mine.png"), "--json", "--top-k", "5"]) == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    assert page.table("What the model answers")[1:] == [[p["label"], f"{p['probability']:.2%}"] for p in predictions]


def test_real_samples_are_shown_the_surest_first_and_a_damaged_one_is_named(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = {name: photograph(8, 9, seed) for seed, name in enumerate(("p at 8x9", "clear", "dim"))}
    surest = {"p at 8x9": (1.0, 0.0, 0.0), "clear": (0.1, 0.9, 0.0), "dim": (0.6, 0.4, 0.0)}
    samples = tuple(SelfTestSample(name, encode_png(pictures[name]), surest[name]) for name in pictures)
    written(model, restamped(model.read_bytes(), self_test=SelfTest(1e-4, samples)))
    found = card_of(model).pictures()
    assert len(found) == 5
    assert np.array_equal(found[0], pictures["clear"])
    assert np.array_equal(found[-1], pictures["dim"])
    bad = SelfTest(1e-4, (SelfTestSample("words", "AAAA", (0.5, 0.5, 0.0)),))
    written(model, restamped(model.read_bytes(), self_test=bad))
    assert main(["card", str(model)]) == 2
    assert "'words'" in capsys.readouterr().err


def test_the_matrix_is_that_of_the_counts(tmp_path: Path) -> None:
    labels = make_labels(20)
    counts = random_counts(labels)
    page = card_of(write_model(tmp_path / "m.onnx", labels, GREY, counts=counts))
    head, *rows = page.table("Confusion matrix")
    assert [head[1:], [row[0] for row in rows]] == [list(labels), list(labels)]
    matrix = np.array([[int(cell) for cell in row[1:]] for row in rows])
    assert tuple(matrix.sum(axis=1)) == counts.support
    assert tuple(matrix.sum(axis=0)) == counts.predicted
    assert tuple(matrix.diagonal()) == counts.correct
    recall, precision = matrix.diagonal() / matrix.sum(axis=1), matrix.diagonal() / matrix.sum(axis=0)
    assert page.table("Every class")[1:] == [
        [labels[i], f"{precision[i]:.2%}", f"{recall[i]:.2%}", f"{counts.support[i]:,}"] for i in range(20)
    ]


def test_of_many_classes_the_worst_are_shown(tmp_path: Path) -> None:
    confusions = tuple(Confusion(i, i + 1, 9 - i) for i in range(9))
    right = tuple(10 - (9 - i if i < 9 else 0) for i in range(100))
    called = tuple(right[i] + (9 - (i - 1) if 1 <= i < 10 else 0) for i in range(100))
    counts = ClassCounts((10,) * 100, called, right, confusions)
    page = card_of(write_model(tmp_path / "m.onnx", make_labels(100), GREY, counts=counts))
    assert page.table("The 9 most frequent confusions, of 45 mistakes")[1:] == [
        [f"class {i}", f"class {i + 1}", str(9 - i), f"{(9 - i) * 10}.0%"] for i in range(9)
    ]
    assert len(page.table("Every class")) == 101


def test_a_file_that_knows_little_says_so(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(model, restamped(model.read_bytes(), training=None, parity=None, self_test=None))
    assert main(["card", str(model), "--output", str(tmp_path / "c.html")]) == 2
    assert "give one with --image" in capsys.readouterr().err
    assert not (tmp_path / "c.html").exists()
    Image.fromarray(photograph(50, 60, 9)).save(tmp_path / "p.png")
    page = card_of(model, "--image", tmp_path / "p.png")
    assert "does not say what the model was trained on" in page.by_id["main"]
    assert "no certificate" in page.by_id["main"]


def test_a_model_that_would_not_answer_says_unsure(model: Path) -> None:
    assert "unsure" not in card_of(model).by_id["main"]
    written(model, restamped(model.read_bytes(), reject_threshold=1.0))
    assert "says unsure" in card_of(model).by_id["main"]


def test_a_smaller_variant_shows_what_it_cost_and_its_parameters(model: Path) -> None:
    small = without_entry(model.read_bytes())
    weights = next(c for c in small.graph.initializer if c.name == "weights")
    small.graph.initializer.remove(weights)
    for name, value in {
        "rounded": np.ones((3, 3), np.int8),
        "scales": np.full(3, 0.1, np.float32),
        "zeros": np.zeros(3, np.int8),
    }.items():
        small.graph.initializer.append(numpy_helper.from_array(value, name))
    dequantise = helper.make_node("DequantizeLinear", ["rounded", "scales", "zeros"], [weights.name], axis=1)
    place = next(i for i, node in enumerate(small.graph.node) if node.op_type == "MatMul")
    small.graph.node.insert(place, dequantise)
    variant = Variant("int8", "U8S8", "minmax", ("a",), 450, 0.985, 0.99, 0.9925, 0.1, 0.5)
    written(model, restamped(model.read_bytes(), small, variant=variant))
    page = card_of(model)
    assert "98.50%" in page.by_id["header"]
    # What was counted class by class was counted on the network that it was made from.
    assert page.table("Every class of the float32 network")
    for said in (
        "9 of int8",
        "int8 (U8S8, minmax calibration, 1 layers in float32)",
        "98.50% of 450 pictures, float32 99.00% (limit 0.5 points less)",
        "Accuracy of this file (int8)",
        "Accuracy of the float32 network",
    ):
        assert said in page.by_id["main"]
