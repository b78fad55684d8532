"""Labels and preprocessing from files: what is read, and one line for each way to get them wrong."""

import json
from pathlib import Path

import pytest

from edge.errors import UsageError
from edge.steps import ChannelsFirst, Grey, Resize, ReverseChannels, Scale, SubtractMean
from export.sources.description import Description, network_input, read_labels, read_preprocessing


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffcat\r\ndog\r\n\r\n",
        "0 cat\n1 dog\n",
        '["cat", "dog"]',
        '{"dog": 1, "cat": 0}',
        '{"1": "dog", "0": "cat"}',
        '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}}',
    ],
    ids=["lines", "Teachable Machine", "list", "class_indices", "numbers", "Hugging Face"],
)
def test_labels_as_people_have_them(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels").write_text(content)
    assert read_labels(tmp_path / "labels") == ("cat", "dog")


def test_numbers_that_do_not_count_up_are_part_of_the_labels(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("1 crown\n2 pounds\n")
    assert read_labels(tmp_path / "labels") == ("1 crown", "2 pounds")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"cat": 0, "dog": 2}', "without a gap"),
        (b"cat\n\ndog\n", "label 2 is blank"),
        (b"cat\ndog\ncat\n", "the label 'cat' is there twice, as number 1 and 3"),
        (b'["cat", 1]', "one label a line, a JSON list of strings"),
        (b'["cat"', "not valid JSON"),
        (b"\xff\xfecat", "UTF-8"),
        (None, "is not there"),
    ],
    ids=["gap", "blank", "twice", "number", "cut", "bytes", "missing"],
)
def test_labels_that_are_none(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "labels"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_labels(path)


def test_preprocessing_is_a_preset_or_the_list_of_the_spec(tmp_path: Path) -> None:
    assert read_preprocessing("caffe") == "caffe"
    path = tmp_path / "steps.json"
    steps = [{"kind": "resize", "height": 8, "width": 9, "method": "area"}, {"kind": "grey"}]
    path.write_text(json.dumps(steps))
    assert read_preprocessing(str(path)) == (Resize(8, 9, "area"), Grey())


@pytest.mark.parametrize("content", ['[{"kind": "blur"}]', '[{"kind": "scale"}]', '{"kind": "grey"}', "resize"])
def test_preprocessing_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "steps.json").write_text(content)
    with pytest.raises(UsageError):
        read_preprocessing(str(tmp_path / "steps.json"))


def test_an_unknown_preset_is_told_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"caffe, tf, torch, unit, raw.*Received: cafe"):
        read_preprocessing("cafe")


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((32, 40, 3), None, (32, 40, 3, False)),
        ((3, 32, 40), None, (32, 40, 3, True)),
        ((1, 28, 28), None, (28, 28, 1, True)),
        ((None, None, 3), (20, 30), (20, 30, 3, False)),
        ((784,), (28, 28), (28, 28, 1, False)),
        ((3072,), (32, 32), (32, 32, 3, False)),
        ((3, 3, 3), None, (3, 3, 3, False)),
    ],
)
def test_what_a_network_takes(shape: tuple[int | None, ...], size: tuple[int, int] | None, expected: tuple) -> None:
    assert network_input(shape, size) == expected


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((None, None, 3), None, "say with --size HxW"),
        ((32, 32, 3), (16, 32), "the network takes 32 x 32, --size says 16 x 32"),
        ((32, 32, None), None, "any number of channels"),
        ((None, 32, 3), (16, 30), "the network takes any x 32, --size says 16 x 30"),
        ((784,), (28, 27), "takes 784 numbers, which is not 28x27 pixels"),
        ((8, 32, 32, 3), None, r"must take pictures .* Received: \['N', 8, 32, 32, 3\]"),
    ],
)
def test_what_a_network_leaves_open(shape: tuple[int | None, ...], size: tuple[int, int] | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        network_input(shape, size)


def test_a_preset_becomes_the_steps_of_the_network() -> None:
    spec = Description(("a", "b"), "caffe", None).spec("m", (3, 10, 12))
    means = SubtractMean((103.939, 116.779, 123.68))
    assert spec.preprocessing == (Resize(10, 12, "antialias"), ReverseChannels(), means, ChannelsFirst())


def test_size_is_for_presets() -> None:
    with pytest.raises(UsageError, match="--size is for presets"):
        Description(("a", "b"), (Resize(8, 8, "area"), Scale(2)), (8, 8)).spec("m", (8, 8, 3))
    with pytest.raises(UsageError, match="labels"):
        Description(("a",), "raw", None).spec("m", (8, 8, 3))
