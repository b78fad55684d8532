"""Faces stand where they are on photographs: by the cascade as the book has it, and by a model in YuNet's form."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import astuple
from onnx import TensorProto, helper, numpy_helper

from edge.errors import ModelError, ModelNotFoundError
from edge.regions import clipped
from edge.regions.faces import HaarFaces, YunetFaces
from edge.result import Box
from tests.edge.regions.photographs import ASTRONAUT_FACE, overlap, photograph


def test_the_astronaut_has_one_face_where_it_was_measured() -> None:
    (box,) = HaarFaces().find(photograph("astronaut.png"))
    assert overlap(box, ASTRONAUT_FACE) >= 0.6


def test_it_is_what_the_book_does() -> None:
    """imutils.resize(width=300), detectMultiScale(1.1, 5, minSize=(30, 30)), and the way back."""
    picture = photograph("astronaut.png")
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (300, 300), interpolation=cv2.INTER_AREA)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    ((x, y, w, h),) = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(30, 30))
    (box,) = HaarFaces().find(picture)
    assert np.abs(np.array(astuple(box)) - np.array([x, y, w, h]) * 512 / 300).max() <= 1  # whole pixels


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
def test_pictures_without_people_have_none(name: str) -> None:
    assert HaarFaces().find(photograph(name)) == []


def yunet_stand_in(path: Path, side: int, cell: tuple[int, int], size: float) -> Path:
    """A model with YuNet's outputs that sees one face: at `cell` of the grid of 8 pixels, `size` pixels wide."""
    outputs, nodes, constants = [], [], []
    for stride in (8, 16, 32):
        cells = (side // stride) ** 2
        face = cell[1] * (side // stride) + cell[0]
        for name, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            value = np.zeros((1, cells, channels), np.float32)
            if stride == 8 and name in ("cls", "obj"):
                value[0, face] = 1
            if stride == 8 and name == "bbox":
                value[0, face] = [0.5, 0.5, np.log(size / stride), np.log(size / stride)]  # centre, logarithm of size
            constants.append(numpy_helper.from_array(value, f"value_{name}_{stride}"))
            outputs.append(helper.make_tensor_value_info(f"{name}_{stride}", TensorProto.FLOAT, value.shape))
            nodes.append(helper.make_node("Add", [f"value_{name}_{stride}", "nothing"], [f"{name}_{stride}"]))
    constants += [numpy_helper.from_array(np.zeros(1, np.float32), "zero")]
    first = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["wide"]),
        helper.make_node("Reshape", ["wide", "shape"], ["nothing"]),
    ]
    constants += [numpy_helper.from_array(np.array([1, 1, 1]), "shape")]
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])
    graph = helper.make_graph(first + nodes, "yunet", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_yunet_model_finds_faces_in_pixels_of_the_picture(tmp_path: Path) -> None:
    """The network sees 640 pixels; the picture has twice as many."""
    faces = YunetFaces(yunet_stand_in(tmp_path / "yunet.onnx", 640, (30, 20), 64))
    (box,) = faces.find(np.zeros((1280, 1280, 3), np.uint8))
    centre = np.array([(30 + 0.5) * 8, (20 + 0.5) * 8])
    assert np.abs(np.array(astuple(box)) - 2 * np.array([*(centre - 32), 64, 64])).max() <= 2


def test_a_face_model_that_is_none_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        YunetFaces(tmp_path / "none.onnx")
    for path in (tiny_model, Path(__file__), tmp_path):
        with pytest.raises(ModelError):
            YunetFaces(path)


@pytest.mark.parametrize(
    ("rectangle", "expected"),
    [
        ((1.4, 1.6, 2.2, 2.2), Box(1, 2, 3, 2)),
        ((-2, -3, 4, 5), Box(0, 0, 2, 2)),
        ((7, 8, 50, 60), Box(7, 8, 3, 12)),
        ((99, 99, 5, 5), Box(9, 19, 1, 1)),
        ((-9, -9, 2, 2), Box(0, 0, 1, 1)),
    ],
    ids=str,
)
def test_a_box_is_the_part_inside_of_the_picture(rectangle: tuple[float, ...], expected: Box) -> None:
    assert clipped(*rectangle, 20, 10) == expected  # type: ignore[arg-type]
