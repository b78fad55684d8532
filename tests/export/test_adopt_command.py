"""`eyespot adopt` on plain ONNX files as other tools write them, against onnx's own reference evaluator.

PyTorch and scikit-learn's converter are not needed for that: the graphs are theirs, made by hand.
"""

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from PIL import Image
from scipy import special

from edge.classifier import Classifier
from edge.model import read_spec
from export.parity.pictures import made_pictures
from eyespot.cli import main

SIDE = 8
LABELS = ("cat", "dog", "owl")


def constants(**values: np.ndarray) -> list[TensorProto]:
    return [numpy_helper.from_array(value, name) for name, value in values.items()]


def save(path: Path, nodes: list, shape: list, outputs: list, values: list[TensorProto], opset: int = 17) -> Path:
    """Write a model with one input `pixels`."""
    image = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "plain", [image], outputs, values)
    domains = {"": opset} | {node.domain: 1 for node in nodes if node.domain == "ai.onnx.ml"}
    imports = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    return path


def torch_like(
    path: Path, batch: int | str = 1, opset: int = 17, ending: str | None = None, flat: tuple[int, ...] = (1, -1)
) -> Path:
    """A convolutional network as PyTorch exports it: channels first, the batch baked in, shapes as Constant nodes."""
    generator = np.random.default_rng(4)
    kernel = generator.normal(0, 0.6, (6, 3, 3, 3)).astype(np.float32)
    weights = generator.normal(0, 2, (3, 6)).astype(np.float32)
    shape = numpy_helper.from_array(np.array(flat, np.int64))
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["a"], pads=[1, 1, 1, 1], name="/conv/Conv"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Constant", [], ["shape"], value=shape),
        helper.make_node("Reshape", ["c", "shape"], ["d"]),
        helper.make_node("Gemm", ["d", "weights", "bias"], ["e" if ending else "scores"], transB=1),
        *([helper.make_node(ending, ["e"], ["scores"])] if ending else []),
    ]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 3])]
    values = constants(kernel=kernel, weights=weights, bias=np.array([0.1, 0, -0.1], np.float32))
    return save(path, nodes, [batch, 3, SIDE, SIDE], outputs, values, opset)


def scikit_like(path: Path) -> Path:
    """A logistic regression as skl2onnx writes it: rows in; a label and probabilities out."""
    coefficients = np.random.default_rng(1).normal(0, 0.1, (3, SIDE * SIDE)).astype(np.float32)
    classifier = helper.make_node(
        "LinearClassifier",
        ["pixels"],
        ["label", "raw"],
        domain="ai.onnx.ml",
        coefficients=coefficients.ravel().tolist(),
        intercepts=[0.0, 0.1, 0.2],
        classlabels_ints=[0, 1, 2],
        post_transform="SOFTMAX",
    )
    normalise = helper.make_node("Normalizer", ["raw"], ["probabilities"], domain="ai.onnx.ml", norm="L1")
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3]),
    ]
    return save(path, [classifier, normalise], ["N", SIDE * SIDE], outputs, [])


def arguments(plain: Path, preprocessing: str = "unit", labels: tuple[str, ...] = LABELS) -> list[str]:
    path = plain.parent / "labels.txt"
    path.write_text("\n".join(labels))
    output = plain.parent / "m.onnx"
    return list(map(str, ["adopt", plain, "--labels", path, "--preprocessing", preprocessing, "--output", output]))


def adopt(plain: Path, *options: str, labels: tuple[str, ...] = LABELS) -> Path:
    assert main([*arguments(plain, labels=labels), *options]) == 0
    return plain.parent / "m.onnx"


def refused(capsys: pytest.CaptureFixture[str], plain: Path, *options: str, **settings: object) -> str:
    capsys.readouterr()
    assert main([*arguments(plain, **settings), *options]) == 2  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert (out, (plain.parent / "m.onnx").exists()) == ("", False)
    (line,) = err.splitlines()
    return line


def pictures() -> np.ndarray:
    """Made pictures brought to the network's size, so that no resize stands between the two sides."""
    found = [e.pixels for e in made_pictures().read("compare") if min(e.pixels.shape[:2]) >= SIDE]
    return np.stack([np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE))) for pixels in found])


@pytest.mark.parametrize(
    ("ending", "batch", "opset", "flat"),
    [
        (None, 1, 17, (1, -1)),
        ("Softmax", 1, 11, (1, 6)),
        (None, 1, 21, (1, -1)),
        ("Softmax", "N", 18, (-1, 6)),
        (None, "N", 18, (-1, 6)),
    ],
)
def test_a_network_of_pytorch(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    ending: str | None,
    batch: int | str,
    opset: int,
    flat: tuple[int, ...],
) -> None:
    plain = torch_like(tmp_path / "plain.onnx", batch, opset, ending, flat)
    path = adopt(plain)
    evaluator = ReferenceEvaluator(str(plain))
    images = pictures()
    arrays = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    raw = np.concatenate([evaluator.run(None, {"pixels": array[None]})[0] for array in arrays])
    expected = raw if ending else special.softmax(raw, axis=1)
    # One call for the whole batch, which the plain file may not be able to take.
    np.testing.assert_allclose(Classifier.load(path).probabilities(images), expected, rtol=0, atol=1e-5)
    said = capsys.readouterr().out
    assert ("a softmax was added" in said) == (ending is None)
    assert ("the batch was fixed at one picture" in said) == (batch == 1)
    assert_is_ours(path)
    parity = read_spec(path).parity
    assert parity is not None
    assert (parity.reference, parity.origin, parity.images) == ("onnx", "made", 24)
    assert parity.versions == {"onnx": onnx.__version__, "onnxruntime": parity.versions["onnxruntime"]}


def assert_is_ours(path: Path) -> None:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]


def test_a_classifier_of_scikit_learn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = scikit_like(tmp_path / "plain.onnx")
    path = adopt(plain, "--size", f"{SIDE}x{SIDE}")
    images = pictures()
    luma = np.stack([np.asarray(Image.fromarray(image).convert("L"), np.float32) for image in images])
    (_, expected) = ReferenceEvaluator(str(plain)).run(None, {"pixels": luma.reshape(len(luma), -1) / 255})
    # Pillow and OpenCV may round the luma one level apart.
    np.testing.assert_allclose(Classifier.load(path).probabilities(images), expected, rtol=0, atol=1e-2)
    assert "takes a row of 64 numbers; the file flattens [8, 8, 1] to it" in capsys.readouterr().out


@pytest.mark.parametrize(("batch", "side"), [(-1, SIDE), (0, -1), (-1, 0)])
def test_lengths_that_are_none_are_open(tmp_path: Path, batch: int, side: int) -> None:
    plain = torch_like(tmp_path / "plain.onnx", "N", flat=(-1, 6), ending="Softmax")
    evaluator = ReferenceEvaluator(str(plain))
    model = onnx.load(plain)
    for dimension, length in zip(model.graph.input[0].type.tensor_type.shape.dim, (batch, 3, side, side), strict=True):
        dimension.dim_value = length
    onnx.save(model, plain)
    images = pictures()
    found = Classifier.load(adopt(plain, "--size", f"{SIDE}x{SIDE}")).probabilities(images)
    expected = evaluator.run(None, {"pixels": images.transpose(0, 3, 1, 2).astype(np.float32) / 255})[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def sparse(path: Path) -> Path:
    model = onnx.load(torch_like(path))
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "bias")
    values = numpy_helper.from_array(np.array([0.1, -0.1], np.float32), "bias")
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([0, 2]), "bias_places"), [3])
    )
    model.graph.initializer.remove(bias)
    onnx.save(model, path)
    return path


def training(path: Path, constant: bool = True) -> Path:
    """A network with a Dropout that is switched on, by a constant or by something computed."""
    model = onnx.load(torch_like(path))
    (dense,) = (node for node in model.graph.node if node.op_type == "Gemm")
    nodes = [helper.make_node("Dropout", ["d", "", "on"], ["dropped"], name="/drop/Dropout")]
    if constant:
        model.graph.initializer.append(numpy_helper.from_array(np.array(True), "on"))
    else:
        nodes.insert(0, helper.make_node("IsNaN", ["zero"], ["on"]))
        model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), "zero"))
    dense.input[0] = "dropped"
    for node in nodes:
        model.graph.node.insert(len(model.graph.node) - 1, node)
    onnx.save(model, path)
    return path


def test_a_dropout_that_is_switched_off_is_taken(tmp_path: Path) -> None:
    plain = training(tmp_path / "plain.onnx")
    model = onnx.load(plain)
    next(t for t in model.graph.initializer if t.name == "on").CopyFrom(numpy_helper.from_array(np.array(False), "on"))
    onnx.save(model, plain)
    expected = ReferenceEvaluator(str(torch_like(tmp_path / "without.onnx", "N", flat=(-1, 6)))).run(
        None, {"pixels": pictures().transpose(0, 3, 1, 2).astype(np.float32) / 255}
    )[0]
    found = Classifier.load(adopt(plain)).probabilities(pictures())
    np.testing.assert_allclose(found, special.softmax(expected, axis=1), rtol=0, atol=1e-5)


def two_outputs(path: Path) -> Path:
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in "ab"]
    nodes = [helper.make_node("Identity", ["pixels"], [name]) for name in "ab"]
    return save(path, nodes, ["N", 3], outputs, [])


def parsed(path: Path, body: str, **values: np.ndarray) -> Path:
    """Write a model for one picture at a time, in the notation of onnx.parser."""
    shape = f"1, 3, {SIDE}, {SIDE}"
    graph = onnx.parser.parse_graph(f"plain (float[{shape}] pixels) => (float[1, 3] scores) {{ {body} }}")
    graph.initializer.extend(constants(**values))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def random(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def mixing(path: Path) -> Path:
    """A network whose answer to a picture depends on the others of its batch: right only for one at a time."""
    body = """rows = Flatten <axis = 1> (pixels)
              mean = ReduceMean <keepdims = 1> (rows, first)
              rest = Sub (rows, mean)
              sum = Add (rest, rows)
              scores = MatMul (sum, weights)"""
    return parsed(path, body, weights=random(0, SIDE * SIDE * 3, 3), first=np.array([0]))


def token(path: Path) -> Path:
    """A transformer in small: a class token, which is there once, before the pieces of the picture."""
    body = """a = Reshape (pixels, pieces)
              b = Concat <axis = 1> (token, a)
              c = MatMul (mixture, b)
              d = Gather <axis = 1> (c, none)
              scores = MatMul (d, weights)"""
    shapes = {"pieces": np.array([1, 6, 32]), "none": np.array(0)}
    weights = random(2, 32, 3, scale=0.5)
    return parsed(path, body, token=random(3, 1, 1, 32), mixture=random(4, 7, 7), weights=weights, **shapes)


def windows(path: Path) -> Path:
    """Windows of a picture, each beside the batch in the first axis, as a Swin transformer cuts them."""
    body = """a = Reshape (pixels, cut)
              b = Transpose <perm = [0, 2, 4, 3, 5, 1]> (a)
              c = Reshape (b, each)
              d = MatMul (c, mixture)
              e = Softmax <axis = -1> (d)
              f = Reshape (e, together)
              g = Reshape (f, row)
              scores = MatMul (g, weights)"""
    shapes = {"cut": [1, 3, 2, 4, 2, 4], "each": [4, 16, 3], "together": [1, 2, 2, 16, 3], "row": [1, 192]}
    weights = {"mixture": random(3, 3, 3), "weights": random(4, 192, 3, scale=0.3)}
    return parsed(path, body, **weights, **{name: np.array(shape) for name, shape in shapes.items()})


def of_type(path: Path, kind: int) -> Path:
    """A network that takes its pictures as another type, and in sixteen bits gives its numbers as one."""
    model = onnx.load(torch_like(path, flat=(1, 6)))
    graph = model.graph
    graph.input[0].type.tensor_type.elem_type = kind
    graph.node.insert(0, helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT))
    graph.node[1].input[0] = "floats"
    if kind == TensorProto.UINT8:
        graph.node.insert(1, helper.make_node("Mul", ["floats", "share"], ["shares"]))
        graph.node[2].input[0] = "shares"
        graph.initializer.extend(constants(share=np.array(1 / 255, np.float32)))
    if kind == TensorProto.FLOAT16:
        graph.node.append(helper.make_node("Cast", ["scores"], ["half"], to=kind))
        graph.output[0].CopyFrom(helper.make_tensor_value_info("half", kind, [1, 3]))
    onnx.save(model, path)
    return path


def newest(path: Path, opset: int) -> Path:
    """Operators that are younger than our opset, or mean something else in it."""
    model = onnx.load(torch_like(path, flat=(1, 6), opset=opset))
    graph = model.graph
    (relu,) = (node for node in graph.node if node.op_type == "Relu")
    relu.op_type = "Gelu"
    if opset > 20:
        relu.output[0] = "gelu"
        norm = helper.make_node("GroupNormalization", ["gelu", "scale", "shift"], ["b"], num_groups=3)
        graph.node.insert(2, norm)
        graph.initializer.extend(
            constants(scale=np.linspace(0.5, 2, 6, dtype=np.float32), shift=np.linspace(-1, 1, 6, dtype=np.float32))
        )
    onnx.save(model, path)
    return path


def four_axes(path: Path) -> Path:
    """Classes as a picture of one pixel: the last layer is a convolution."""
    model = onnx.load(torch_like(path, "N"))
    graph = model.graph
    kernel = np.random.default_rng(6).normal(0, 2, (3, 6, 1, 1)).astype(np.float32)
    del graph.node[3:]
    graph.node.append(helper.make_node("Conv", ["c", "last"], ["scores"]))
    graph.initializer.extend(constants(last=kernel))
    graph.output[0].CopyFrom(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3, 1, 1]))
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("make", "preprocessing", "one_by_one"),
    [
        (token, "unit", False),
        (windows, "unit", False),
        (mixing, "unit", True),
        (lambda path: of_type(path, TensorProto.UINT8), "raw", False),
        (lambda path: of_type(path, TensorProto.FLOAT16), "unit", False),
        (lambda path: newest(path, 20), "unit", False),
        (lambda path: newest(path, 21), "unit", False),
        (four_axes, "unit", False),
    ],
    ids=["class token", "windows", "mixing", "uint8", "float16", "opset 20", "opset 21", "four axes"],
)
def test_networks_as_they_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make, preprocessing: str, one_by_one: bool
) -> None:
    plain = make(tmp_path / "plain.onnx")
    assert main(arguments(plain, preprocessing)) == 0
    assert ("one after the other" in capsys.readouterr().out) == one_by_one
    images = pictures()
    arrays = images.transpose(0, 3, 1, 2).astype(np.float32) / (1 if preprocessing == "raw" else 255)
    evaluator = ReferenceEvaluator(str(plain))
    kind = helper.tensor_dtype_to_np_dtype(onnx.load(plain).graph.input[0].type.tensor_type.elem_type)
    raw = np.concatenate([evaluator.run(None, {"pixels": a[None].astype(kind)})[0].reshape(1, 3) for a in arrays])
    found = Classifier.load(tmp_path / "m.onnx").probabilities(images)
    # Sixteen bits round the logits, of size 10, to a hundredth.
    expected = special.softmax(raw.astype(np.float64), axis=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-3 if kind == np.float16 else 1e-5)
    assert_is_ours(tmp_path / "m.onnx")


def test_one_of_several_outputs_is_chosen(tmp_path: Path) -> None:
    model = onnx.load(torch_like(tmp_path / "plain.onnx", "N", flat=(-1, 6)))
    model.graph.node.append(helper.make_node("Neg", ["scores"], ["other"]))
    model.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 3]))
    onnx.save(model, tmp_path / "plain.onnx")
    best = {
        name: Classifier.load(adopt(tmp_path / "plain.onnx", "--output-name", name)).probabilities(pictures())
        for name in ("scores", "other")
    }
    shares = 1 / best["scores"] / (1 / best["scores"]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(best["other"], shares, rtol=0, atol=1e-5)


def test_swapped_arguments_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = torch_like(tmp_path / "plain.onnx")
    given = ["adopt", str(tmp_path / "labels.txt"), "--labels", str(plain), "--preprocessing", "unit"]
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    assert main(given) == 2
    assert f"--labels {plain} is a model, which comes first" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["net.keras", "folder"])
def test_what_is_for_export_is_sent_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "folder").mkdir()
    assert f"'eyespot export {tmp_path / name}'" in refused(capsys, tmp_path / name)


def test_weights_in_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = torch_like(tmp_path / "plain.onnx")
    onnx.save(onnx.load(plain), plain, save_as_external_data=True, location="plain.data", size_threshold=0)
    adopt(plain)
    (tmp_path / "m.onnx").unlink()
    (tmp_path / "plain.data").unlink()
    assert "plain.data, which is not beside it" in refused(capsys, plain)


def garbage(path: Path) -> Path:
    path.write_bytes(torch_like(path).read_bytes()[:200])
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (garbage, "plain.onnx: this is no valid ONNX model"),
        (lambda path: path, "there is no such file"),
        (lambda path: torch_like(path, batch=4, flat=(-1, 6)), "it takes 4 pictures at once"),
        (lambda path: torch_like(path, ending="Sigmoid"), "3 independent sigmoids"),
        (two_outputs, "--output-name chooses one of several. Received: a, b"),
        (sparse, "the constant 'bias' is stored sparsely"),
        (training, "the node '/drop/Dropout' is random when it classifies (Dropout)"),
        (lambda path: training(path, constant=False), "the node '/drop/Dropout' is random"),
    ],
    ids=[
        *("garbage", "missing", "batch of four", "multi-label", "two outputs"),
        *("sparse", "training", "perhaps training"),
    ],
)
def test_what_cannot_be_adopted_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make, said: str
) -> None:
    assert said in refused(capsys, make(tmp_path / "plain.onnx"))


def test_wrong_descriptions_are_one_line(tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "an artifact of eyespot already" in refused(capsys, tiny_model)
    plain = torch_like(tmp_path / "plain.onnx")
    steps = tmp_path / "steps.json"
    steps.write_text('[{"kind": "resize", "height": 8, "width": 8, "method": "area"}]')
    line = refused(capsys, plain, preprocessing=str(steps))
    assert "gives pictures of [8, 8, 3], the network takes [3, 8, 8]; add the step channels_first" in line
    assert "has 3 classes for 2 labels" in refused(capsys, plain, labels=LABELS[:2])


@pytest.mark.parametrize("name", ["plain.onnx", "labels.txt", "steps.json", "photos/one.png"])
def test_what_the_options_name_is_never_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    plain = torch_like(tmp_path / "plain.onnx")
    (tmp_path / "steps.json").write_text('[{"kind": "resize", "height": 8, "width": 8, "method": "area"}]')
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "photos" / "one.png")
    given = arguments(plain, preprocessing=str(tmp_path / "steps.json"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main([*given, "--images", str(tmp_path / "photos"), "--output", str(tmp_path / name)]) == 2
    assert str(tmp_path / name) in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
