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

from edge.cli import main
from edge.model import read_spec
from edge.spec import ClassCounts, Confusion, Variant
from edge.steps import Grey, Resize, ReverseChannels, Scale, Standardise, Step, SubtractMean
from tests.edge.artifacts import restamped, without_entry, written
from tests.export.card.artifacts import make_labels, photograph, random_counts, write_model
from tests.export.card.parsed import Page

GREY: tuple[Step, ...] = (Resize(24, 32, "antialias"), Grey(), Scale(1 / 127.5))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COLOUR: tuple[Step, ...] = (Resize(16, 16, "antialias"), Scale(1 / 255), Standardise(MEAN, STD))
CAFFE: tuple[Step, ...] = (Resize(40, 30, "antialias"), ReverseChannels(), SubtractMean((103.9, 116.8, 123.7)))
HOSTILE = (
    "</title><script>alert(1)</script>",
    '" onerror="x',
    "a & b",
    "\u05e9\u05dc\u05d5\u05dd",
    "two\nlines",
    "\udc80",
)


def card_of(model: Path, *options: str | Path) -> Page:
    output = model.parent / "card.html"
    assert main(["card", str(model), "--output", str(output), *map(str, options)]) == 0
    return Page(output.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=[(2, GREY), (10, COLOUR), (1000, CAFFE)], ids=["2", "10", "1000"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    count, steps = request.param
    return write_model(tmp_path_factory.mktemp("card") / "m.onnx", make_labels(count), steps)


@pytest.fixture(scope="module")
def page(model: Path) -> Page:
    return card_of(model)


def test_nothing_comes_from_elsewhere_and_nothing_runs(page: Page) -> None:
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


def test_it_can_be_read_by_everyone(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert [name for name, _ in page.tags if name in ("h1", "h2")] == ["h1"] + ["h2"] * 6
    alternatives = [str(image["alt"]) for image in page.all("img")]
    assert len(set(alternatives)) == 4
    assert all(text.startswith("The sample picture") and "pixels" in text for text in alternatives)
    assert all(caption for caption in page.tables)
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    assert {attributes["aria-labelledby"] for attributes in page.all("section")} <= set(identifiers)
    assert "prefers-color-scheme: dark" in page.by_id["style"]


def test_figures_are_those_of_the_file(page: Page, model: Path) -> None:
    spec = read_spec(model)
    graph = onnx.load(model).graph
    weights = next(c for c in graph.initializer if np.prod(c.dims) > 10 or c.dims == [1, 2])
    training, parity = spec.training, spec.parity
    assert training
    assert parity
    header, size = page.by_id["header"], page.by_id["main"]
    assert str(spec.version) in size
    assert f"{max(training.classes.support) / sum(training.classes.support):.2%}" in header  # the baseline
    assert f"{training.accuracy:.2%}" in header
    assert f"{np.prod(weights.dims):,}" in header
    assert f"{model.stat().st_size:,} bytes" in header
    assert f"{np.prod(weights.dims):,} of float32" in size
    for said in ("2.5e-07", "100.00% of 60 comparisons", "keras 3.15.1, onnx 1.23.2", "waves, 3 epochs, seed 4"):
        assert said in size
    network = ["ReduceMean", "MatMul", "Softmax"]
    assert page.table("Nodes of the network")[1:] == [[operator, "1"] for operator in network]
    front = [node.op_type for node in graph.node if node.op_type not in ("ReduceMean", "Softmax")]
    front.remove("MatMul")
    rows = page.table("Nodes of the preprocessing")[1:]
    assert {operator: int(count) for operator, count in rows} == {kind: front.count(kind) for kind in front}


def test_every_label_stands_in_order(page: Page, model: Path) -> None:
    labels = read_spec(model).labels
    (whole,) = (list_ for list_ in re.findall(r'<ol class="labels[^>]*>.*?</ol>', page.source))
    assert re.findall(r"<bdi>(.*?)</bdi>", whole) == list(labels)


def pillow_resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def drawn(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """The pixels of a picture in which these values are drawn from black to white."""
    return np.broadcast_to(np.rint((values - black) / (white - black) * 255), (*values.shape[:2], 3))


# A level that Pillow rounds the other way is one level off, and as much after another rounding.
ROUNDING = 2


def test_grey_pictures_are_what_pillow_and_opencv_make(tmp_path: Path) -> None:
    page = card_of(write_model(tmp_path / "m.onnx", make_labels(3), GREY))
    resized = pillow_resized(photograph(), 24, 32)
    luma = cv2.cvtColor(resized, cv2.COLOR_RGB2GRAY)[:, :, None]
    for found, expected in zip(page.pictures(), (photograph(), resized, luma, luma), strict=True):
        difference = np.abs(found.astype(int) - np.broadcast_to(expected, found.shape))
        assert difference.max() <= ROUNDING
    assert "values 0 to 2" not in page.by_id["main"]
    assert f"values {luma.min() / 127.5:.2f}"[:-1] in page.by_id["main"]


def test_colour_pictures_are_drawn_between_what_black_and_white_became(tmp_path: Path) -> None:
    page = card_of(write_model(tmp_path / "m.onnx", make_labels(3), COLOUR))
    resized = pillow_resized(photograph(), 16, 16).astype(np.float64)
    standard = (resized / 255 - MEAN) / STD
    black, white = ((0 - np.array(MEAN)) / STD).min(), ((1 - np.array(MEAN)) / STD).max()
    _, first, scaled, last = page.pictures()
    assert np.abs(first - resized).max() <= ROUNDING
    assert np.abs(scaled - resized).max() <= ROUNDING
    assert np.abs(last - drawn(standard, black, white)).max() <= ROUNDING


def test_reversed_channels_are_seen(tmp_path: Path) -> None:
    page = card_of(write_model(tmp_path / "m.onnx", make_labels(3), CAFFE))
    resized = pillow_resized(photograph(), 40, 30)
    _, first, turned, last = page.pictures()
    assert np.abs(first.astype(int) - resized).max() <= ROUNDING
    assert np.array_equal(turned, first[:, :, ::-1])
    less = first[:, :, ::-1] - np.array([103.9, 116.8, 123.7])
    assert np.abs(last - drawn(less, -123.7, 255 - 103.9)).max() <= ROUNDING


def test_a_picture_of_ones_own_is_shown_smaller_where_it_is_large(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), COLOUR)
    Image.fromarray(photograph(700, 1024, 5)).save(tmp_path / "mine.png")
    page = card_of(model, "--image", tmp_path / "mine.png")
    assert "mine.png" in page.by_id["main"]
    assert str(tmp_path) not in page.source
    first, second, *_ = page.pictures()
    assert first.shape == (350, 512, 3)
    expected = photograph(700, 1024, 5).reshape(350, 2, 512, 2, 3).mean(axis=(1, 3))
    assert np.abs(first - expected).max() <= 1
    assert np.abs(second.astype(int) - pillow_resized(photograph(700, 1024, 5), 16, 16)).max() <= ROUNDING


def test_answers_are_those_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(7), COLOUR)
    Image.fromarray(photograph(50, 60, 9)).save(tmp_path / "p.png")
    page = card_of(model, "--image", tmp_path / "p.png")
    capsys.readouterr()
    assert main(["classify", str(model), str(tmp_path / "p.png"), "--json", "--top", "5"]) == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    assert page.table("What the model answers")[1:] == [[p["label"], f"{p['probability']:.2%}"] for p in predictions]


def test_the_matrix_is_that_of_the_counts(tmp_path: Path) -> None:
    labels = make_labels(20)
    counts = random_counts(labels)
    page = card_of(write_model(tmp_path / "m.onnx", labels, GREY, counts=counts))
    head, *rows = page.table("Confusion matrix")
    assert head[1:] == list(labels)
    assert [row[0] for row in rows] == list(labels)
    matrix = np.array([[int(cell) for cell in row[1:]] for row in rows])
    assert tuple(matrix.sum(axis=1)) == counts.support
    assert tuple(matrix.sum(axis=0)) == counts.predicted
    assert tuple(matrix.diagonal()) == counts.correct
    recall = matrix.diagonal() / matrix.sum(axis=1)
    precision = matrix.diagonal() / matrix.sum(axis=0)
    assert page.table("Every class")[1:] == [
        [labels[i], f"{precision[i]:.1%}", f"{recall[i]:.1%}", f"{counts.support[i]:,}"] for i in range(20)
    ]


def test_of_many_classes_the_worst_are_shown(tmp_path: Path) -> None:
    shown = tuple([10] * 100)
    confusions = tuple(Confusion(i, i + 1, 9 - i) for i in range(9))
    right = tuple(10 - (9 - i if i < 9 else 0) for i in range(100))
    called = tuple(right[i] + (9 - (i - 1) if 1 <= i < 10 else 0) for i in range(100))
    counts = ClassCounts(shown, called, right, confusions)
    page = card_of(write_model(tmp_path / "m.onnx", make_labels(100), GREY, counts=counts))
    assert page.table("The 9 most frequent confusions, of 45 mistakes")[1:] == [
        [f"class {i}", f"class {i + 1}", str(9 - i), f"{(9 - i) * 10}.0%"] for i in range(9)
    ]
    assert len(page.table("Every class")) == 101


def test_labels_that_mean_harm_are_text(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", HOSTILE, GREY, name="<img src=x onerror=alert(1)>")
    page = card_of(model)
    assert page.all("script") == []
    assert len(page.all("img")) == 4
    assert page.by_id["h1"] == "<img src=x onerror=alert(1)>"
    assert [row[0] for row in page.table("Every class")[1:]] == [*HOSTILE[:4], "two\\nlines", "\\udc80"]
    test_nothing_comes_from_elsewhere_and_nothing_runs(page)


def test_a_file_of_another_graph_than_its_steps_is_told_on(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), COLOUR)
    assert "number for number" in card_of(model).by_id["main"]
    other = Scale(1 / 250)
    written(model, restamped(model.read_bytes(), preprocessing=(COLOUR[0], other, COLOUR[2])))
    page = card_of(model)
    assert "number for number" not in page.by_id["main"]
    assert "made by another eyespot" in page.by_id["main"]


def test_a_file_that_knows_little_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), COLOUR)
    written(model, restamped(model.read_bytes(), training=None, parity=None, self_test=None))
    assert main(["card", str(model), "--output", str(tmp_path / "c.html")]) == 2
    assert "no sample pictures; give one with --image" in capsys.readouterr().err
    assert not (tmp_path / "c.html").exists()
    Image.fromarray(photograph(50, 60, 9)).save(tmp_path / "p.png")
    page = card_of(model, "--image", tmp_path / "p.png")
    assert "does not say what the model was trained on" in page.by_id["main"]
    assert "no certificate" in page.by_id["main"]


def test_a_model_that_would_not_answer_says_unsure(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), COLOUR)
    assert "says unsure" not in card_of(model).by_id["main"]
    written(model, restamped(model.read_bytes(), reject_threshold=1.0))
    assert "says unsure" in card_of(model).by_id["main"]


def test_a_smaller_variant_shows_what_it_cost(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), COLOUR)
    variant = Variant("int8", "U8S8", "entropy", ("a",), 450, 0.985, 0.99, 0.9925, 0.1, 0.5)
    written(model, restamped(model.read_bytes(), variant=variant))
    page = card_of(model)
    assert "98.50%" in page.by_id["header"]
    assert "int8 (U8S8, entropy calibration, 1 layers in float32)" in page.by_id["main"]
    assert "98.50% of 450 pictures, float32 99.00% (limit 0.5 points less)" in page.by_id["main"]
    # What was counted class by class was counted on the network that it was made from.
    assert "accuracy of this file (int8)" in page.by_id["main"]
    assert "accuracy of the float32 network" in page.by_id["main"]
    assert page.table("Every class of the float32 network")


def test_scales_and_zero_points_are_no_parameters(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", make_labels(3), COLOUR)
    small = without_entry(model.read_bytes())
    weights = next(c for c in small.graph.initializer if list(c.dims) == [3, 3])
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
    written(model, restamped(model.read_bytes(), small))
    assert "9 of int8" in card_of(model).by_id["header"]
