"""Read a plain ONNX classifier, as PyTorch and scikit-learn's converter write them, and bring it to the form of ours.

Of several outputs the one [N, classes] is kept. What enters and leaves becomes float32. A batch that is fixed at one
picture becomes open if several pictures are then answered as each alone; else the network takes one after the other.
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
from export.graph.adapt import for_any_number, set_input, to_our_opset
from export.graph.canonical import require_exportable, simplify
from export.graph.session import run_session
from export.sources.source import Shape, Source

# Types of what leaves, and of what enters.
TYPES = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}
INPUT_TYPES: dict[int, Any] = TYPES | {TensorProto.UINT8: np.uint8}


def onnx_source(path: Path, output_name: str | None = None) -> Source:
    """Return the classifier in a plain ONNX file; `output_name` chooses one of several outputs.

    Raises ModelNotFoundError, ModelError for a file that is damaged or cannot be brought to our form, UsageError for a
    network that does not take pictures or does not give classes.
    """
    plain = load_plain(path)
    image, output = _only_input(plain.graph, path), _only_output(plain.graph, path, output_name)
    batch, *shape = _dimensions(image)
    if batch not in (None, 1):
        raise UsageError(f"{path}: it takes {batch} pictures at once; export it with a batch of 1 or an open one")
    session = create_session(plain.SerializeToString() if _open_sides(image) else path, str(path))
    kind = INPUT_TYPES[image.type.tensor_type.elem_type]

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        singles = (run_session(session, output.name, {image.name: a[None].astype(kind)}, str(path)) for a in arrays)
        return np.concatenate([row.reshape(1, -1).astype(np.float32) for row in singles])

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        model = to_our_opset(plain, str(path))
        _keep_only(model.graph, image.name, output.name)
        _to_float32(model.graph)
        if batch == 1:
            opened = for_any_number(model, given, units, answer, str(path), 255 if kind is np.uint8 else 1)
            if opened:
                return opened
        set_input(model.graph, given, batch or "N")
        return simplify(model, units, str(path))

    notes = ("the batch was fixed at one picture; the file takes any number",) if batch == 1 else ()
    return Source(str(path), "onnx", tuple(shape), answer, convert, (), notes)


def load_plain(path: Path) -> onnx.ModelProto:
    """Return the model in a file, with its own functions replaced by their nodes."""
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: there is no such file")
    try:
        model = onnx.load(path, load_external_data=False)
        external = (e.value for t in model.graph.initializer for e in t.external_data if e.key == "location")
        if missing := next((name for name in external if not (path.parent / name).is_file()), None):
            raise ModelError(
                f"{path}: its weights are in the file {missing}, which is not beside it; put it there, or save the "
                "network in one file, with torch.onnx.export(..., external_data=False)"
            )
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path}: this is no valid ONNX model ({reason_of(error):.200})") from None
    if any(entry.key == METADATA_KEY for entry in model.metadata_props):
        raise UsageError(f"{path}: this is an artifact of eyespot already; adopt the plain file that it was made from")
    model = inliner.inline_local_functions(model)
    require_exportable(model.graph)
    return model


def _only_input(graph: onnx.GraphProto, path: Path) -> onnx.ValueInfoProto:
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
            f"rows. Received: {kind} {list(_dimensions(inputs[0]))}"
        )
    return inputs[0]


def _only_output(graph: onnx.GraphProto, path: Path, wanted: str | None) -> onnx.ValueInfoProto:
    """Return the one output that is [N, classes], or [N, classes, 1, 1], and `wanted`. Raises UsageError if none is."""
    fitting: list[onnx.ValueInfoProto] = [
        value
        for value in graph.output
        if value.type.tensor_type.elem_type in TYPES
        and len(axes := _dimensions(value)) >= 2
        and all(side == 1 for side in axes[2:])
        and wanted in (None, value.name)
    ]
    if len(fitting) != 1:
        has_map = any(v.type.HasField("sequence_type") or v.type.HasField("map_type") for v in graph.output)
        hint = " (scikit-learn's converter needs the option zipmap=False)" if has_map else ""
        raise UsageError(
            f"{path}: a classifier must have one output float32 [N, classes]{hint}; --output-name chooses one of "
            f"several. Received: {', '.join(value.name for value in graph.output)}"
        )
    return fitting[0]


def _dimensions(value: onnx.ValueInfoProto) -> Shape:
    """Return the shape of a tensor, None where it is open."""
    return tuple(
        dimension.dim_value if dimension.dim_value > 0 else None for dimension in value.type.tensor_type.shape.dim
    )


def _open_sides(value: onnx.ValueInfoProto) -> bool:
    """Open, in place, what is written as 0 or -1, which is no length; return whether anything was."""
    wrong = [d for d in value.type.tensor_type.shape.dim if d.HasField("dim_value") and d.dim_value < 1]
    for dimension in wrong:
        dimension.Clear()
    return bool(wrong)


def _keep_only(graph: onnx.GraphProto, image: str, output: str) -> None:
    """Remove the other outputs, and constants from the inputs, in place."""
    for values, kept in ((graph.input, image), (graph.output, output)):
        copy = onnx.ValueInfoProto()
        copy.CopyFrom(next(value for value in values if value.name == kept))
        del values[:]
        values.append(copy)


def _to_float32(graph: onnx.GraphProto) -> None:
    """Cast what enters and leaves to float32, and flatten a result [N, classes, 1, 1], in place."""
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
