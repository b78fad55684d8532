"""Read a plain ONNX classifier, as PyTorch or scikit-learn's converter writes them, and bring it to our form.

1. Functions that a model defines itself are written out, and the opset becomes that of artifacts.
2. Of several outputs the one [N, classes] is kept; the label that scikit-learn adds is not.
3. What enters and leaves becomes float32, and a result [N, classes, 1, 1] a row.
4. A batch that is fixed at one picture becomes open (see export/graph/open_batch.py), if pictures are then answered
   as they are one by one; else the network stays as it is, for one picture after the other.
5. A batch or a side of the input that is written as 0 or -1, which is no length, is open.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, inliner

from edge.errors import ModelError, ModelNotFoundError, UsageError, reason_of
from edge.model import METADATA_KEY
from edge.runtime import create_session
from export.graph.canonical import canonicalise
from export.graph.exportable import require_exportable
from export.graph.open_batch import open_shapes, set_input
from export.graph.opset import to_our_opset
from export.graph.session import optimise, run_session, tried_answers
from export.sources.source import Shape, Source

# Types of what enters and leaves, besides float32.
TYPES = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}
INPUT_TYPES: dict[int, Any] = TYPES | {TensorProto.UINT8: np.uint8}
# Pictures on which an opened batch is compared, and how far answers may be from those one by one.
TRIED, NEAR = 3, 1e-4


def onnx_source(path: Path, output_name: str | None = None) -> Source:
    """Return the classifier in a plain ONNX file, as what export works on; `output_name` chooses one of several.

    Raises ModelNotFoundError, ModelError for a file that is damaged or cannot be brought to our form, UsageError
    for one that takes no pictures or tells no classes apart.
    """
    plain = load_plain(path)
    image, output = only_input(plain.graph, path), only_output(plain.graph, path, output_name)
    batch, *shape = dimensions(image)
    session = create_session(plain.SerializeToString() if open_sides(image) else path, str(path))
    if batch not in (None, 1):
        raise UsageError(f"{path}: it takes {batch} pictures at once; export it with a batch of 1 or an open one")
    kind = INPUT_TYPES[image.type.tensor_type.elem_type]

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        singles = (run_session(session, output.name, {image.name: a[None].astype(kind)}, str(path)) for a in arrays)
        return np.concatenate([row.reshape(1, -1).astype(np.float32) for row in singles])

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        model = to_our_opset(plain, str(path))
        keep_only(model.graph, image.name, output.name)
        _to_float32(model.graph)
        opened = _opened(model, given, is_fixed=batch == 1)
        if batch == 1 and not _answers_alike(opened, answer, given, kind, units):
            set_input(model.graph, given, 1)
            opened = model
        return canonicalise(optimise(canonicalise(opened, units), str(path)), units)

    notes = ("the batch was fixed at one picture; the file takes any number",) if batch == 1 else ()
    return Source(str(path), "onnx", tuple(shape), answer, convert, (), notes)


def _opened(model: onnx.ModelProto, given: tuple[int, ...], is_fixed: bool) -> onnx.ModelProto:
    """Return a copy of a model that takes any number of pictures of the shape `given`, if rule 4 is right for it."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    if is_fixed:
        set_input(result.graph, given, 1)
        open_shapes(result)
    set_input(result.graph, given, "N")
    return result


def _answers_alike(model: onnx.ModelProto, answer: Any, given: tuple[int, ...], kind: Any, units: int) -> bool:
    """Whether a model gives several pictures at once what `answer` gives each."""
    highest = 255 if kind is np.uint8 else 1
    arrays = np.random.default_rng(0).uniform(0, highest, (TRIED, *given)).astype(np.float32)
    found = tried_answers(canonicalise(model, units), arrays)
    if found is None or found.shape != (TRIED, units):
        return False
    return np.allclose(found, answer(arrays), rtol=NEAR, atol=NEAR)


def load_plain(path: Path) -> onnx.ModelProto:
    """Return the model in a file, with its functions written out (rule 1)."""
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: there is no such file")
    try:
        model = onnx.load(path, load_external_data=False)
        _require_weights(model.graph, path)
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path}: this is no valid ONNX model ({reason_of(error):.200})") from None
    if any(entry.key == METADATA_KEY for entry in model.metadata_props):
        raise UsageError(f"{path}: this is an artifact of eyespot already; adopt the plain file that it was made of")
    model = inliner.inline_local_functions(model)
    require_exportable(model.graph)
    return model


def _require_weights(graph: onnx.GraphProto, path: Path) -> None:
    """Raise ModelError if weights stand in another file, which is not there."""
    for tensor in graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location" and not (path.parent / entry.value).is_file():
                raise ModelError(
                    f"{path}: its weights are in the file {entry.value}, which is not beside it; put it there, or save "
                    "the network in one file, with torch.onnx.export(..., external_data=False)"
                )


def only_input(graph: onnx.GraphProto, path: Path) -> onnx.ValueInfoProto:
    """Return the one input. Raises UsageError if there are several, or it takes no pictures."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs: list[onnx.ValueInfoProto] = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise UsageError(f"{path}: a classifier must have one input. Received: {', '.join(v.name for v in inputs)}")
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type not in INPUT_TYPES or len(tensor.shape.dim) not in (2, 4):
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise UsageError(
            f"{path}: the input {inputs[0].name!r} must be float32, float16 or uint8, of pictures with four axes or of "
            f"rows. Received: {kind} {list(dimensions(inputs[0]))}"
        )
    return inputs[0]


def only_output(graph: onnx.GraphProto, path: Path, wanted: str | None = None) -> onnx.ValueInfoProto:
    """Return the one output that is [N, classes] and `wanted` (rule 2). Raises UsageError if there is not one."""
    fitting: list[onnx.ValueInfoProto] = [
        value for value in graph.output if _is_row(value) and wanted in (None, value.name)
    ]
    if len(fitting) != 1:
        hint = " (scikit-learn's converter needs the option zipmap=False)" if _has_map(graph) else ""
        names = ", ".join(value.name for value in graph.output)
        raise UsageError(
            f"{path}: a classifier must have one output float32 [N, classes]{hint}; --output-name chooses one of "
            f"several. Received: {names}"
        )
    return fitting[0]


def _is_row(value: onnx.ValueInfoProto) -> bool:
    """Whether an output is numbers [N, classes], or [N, classes, 1, 1]."""
    tensor = value.type.tensor_type
    axes = dimensions(value)
    return tensor.elem_type in TYPES and len(axes) >= 2 and all(side == 1 for side in axes[2:])


def _has_map(graph: onnx.GraphProto) -> bool:
    return any(value.type.HasField("sequence_type") or value.type.HasField("map_type") for value in graph.output)


def dimensions(value: onnx.ValueInfoProto) -> Shape:
    """Return the shape of a tensor, None where it is open."""
    return tuple(
        dimension.dim_value if dimension.dim_value > 0 else None for dimension in value.type.tensor_type.shape.dim
    )


def open_sides(value: onnx.ValueInfoProto) -> bool:
    """Leave open, in place, what is written as a length below 1 (rule 5), and return whether anything was."""
    wrong = [d for d in value.type.tensor_type.shape.dim if d.HasField("dim_value") and d.dim_value < 1]
    for dimension in wrong:
        dimension.Clear()
    return bool(wrong)


def keep_only(graph: onnx.GraphProto, image: str, output: str) -> None:
    """Take away the other outputs, and the names of constants among the inputs, in place."""
    for values, kept in ((graph.input, image), (graph.output, output)):
        (value,) = (value for value in values if value.name == kept)
        copy = onnx.ValueInfoProto()
        copy.CopyFrom(value)
        del values[:]
        values.append(copy)


def _to_float32(graph: onnx.GraphProto) -> None:
    """Cast what enters and leaves, and make a result with more axes a row (rule 3), in place."""
    image, output = graph.input[0], graph.output[0]
    kind = image.type.tensor_type.elem_type
    if kind != TensorProto.FLOAT:
        own = f"{image.name}/own"
        for node in graph.node:
            node.input[:] = [own if name == image.name else name for name in node.input]
        graph.node.insert(0, helper.make_node("Cast", [image.name], [own], name="own", to=kind))
    if output.type.tensor_type.elem_type != TensorProto.FLOAT:
        graph.node.append(helper.make_node("Cast", [output.name], ["output/float"], to=TensorProto.FLOAT))
        output.name = "output/float"
    if len(output.type.tensor_type.shape.dim) > 2:
        graph.node.append(helper.make_node("Flatten", [output.name], ["output/row"], axis=1))
        output.name = "output/row"
