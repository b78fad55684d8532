"""Read a plain ONNX classifier, as PyTorch or scikit-learn's converter writes them, and bring it to our form.

1. Functions that a model defines itself are written out.
2. The opset becomes that of artifacts.
3. Of several outputs the one float32 [N, classes] is kept; the label that scikit-learn adds is not.
4. A batch that is fixed at one picture becomes open (see export/open_batch.py). Whether that was right, the comparison
   finds out: the plain file answers pictures one by one, as it was made to.
5. A batch or a side of the input that is written as 0 or -1, which is no length, is open.
"""

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, inliner, version_converter

from edge.artifact import METADATA_KEY
from edge.errors import ModelError, ModelNotFoundError, UsageError, reason_of
from edge.runtime import create_session
from export.graph.canonical import canonicalise
from export.graph.exportable import require_exportable
from export.graph.open_batch import open_batch
from export.graph.session import run_session
from export.preprocess import OPSET
from export.sources.source import Original, Shape


def plain_original(path: Path) -> Original:
    """Return the classifier in a plain ONNX file, as what export works on.

    Raises ModelNotFoundError, ModelError for a file that is damaged or cannot be brought to our form, UsageError
    for one that takes no float32 pictures or tells no classes apart.
    """
    plain = load_plain(path)
    image, output = only_input(plain.graph, path), only_output(plain.graph, path)
    batch, *shape = dimensions(image)
    session = create_session(plain.SerializeToString() if open_sides(image) else path, str(path))
    if batch not in (None, 1):
        raise UsageError(f"{path}: it takes {batch} pictures at once; export it with a batch of 1 or an open one")

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        singles = [run_session(session, output.name, {image.name: array[None]}, str(path)) for array in arrays]
        return np.concatenate(singles)

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        model = to_our_opset(plain, path)
        keep_only(model.graph, image.name, output.name)
        open_batch(model.graph, given, is_fixed=batch == 1)
        return canonicalise(model, classes=units)

    notes = ("the batch was fixed at one picture; the file takes any number",) if batch == 1 else ()
    return Original(str(path), "onnx", tuple(shape), answer, convert, (), notes)


def load_plain(path: Path) -> onnx.ModelProto:
    """Return the model in a file, with its functions written out (rule 1)."""
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: there is no such file")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        reason = reason_of(error)
        raise ModelError(f"{path}: this is no valid ONNX model ({reason:.200})") from None
    if any(entry.key == METADATA_KEY for entry in model.metadata_props):
        raise UsageError(f"{path}: this is an artifact of eyespot already; adopt the plain file that it was made of")
    model = inliner.inline_local_functions(model)
    require_exportable(model.graph)
    return model


def to_our_opset(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Return the model in the opset of artifacts (rule 2). Raises ModelError, with the operator, if that cannot be."""
    version = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), OPSET)
    if version == OPSET:
        result = onnx.ModelProto()
        result.CopyFrom(model)
        return result
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"{path}: its opset {version} cannot be brought to {OPSET} ({reason:.200})") from None


def only_input(graph: onnx.GraphProto, path: Path) -> onnx.ValueInfoProto:
    """Return the one input. Raises UsageError if there are several, or it is not float32 [N, ...]."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs: list[onnx.ValueInfoProto] = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise UsageError(f"{path}: a classifier must have one input. Received: {', '.join(v.name for v in inputs)}")
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT or len(tensor.shape.dim) not in (2, 4):
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise UsageError(
            f"{path}: the input {inputs[0].name!r} must be float32 of pictures with four axes, or of rows. Received: "
            f"{kind} {dimensions(inputs[0])}"
        )
    return inputs[0]


def only_output(graph: onnx.GraphProto, path: Path) -> onnx.ValueInfoProto:
    """Return the one output that is float32 [N, classes] (rule 3). Raises UsageError if it is not one."""
    fitting: list[onnx.ValueInfoProto] = [
        value
        for value in graph.output
        if value.type.tensor_type.elem_type == TensorProto.FLOAT and len(value.type.tensor_type.shape.dim) == 2
    ]
    if len(fitting) != 1:
        hint = " (scikit-learn's converter needs the option zipmap=False)" if _has_map(graph) else ""
        names = ", ".join(value.name for value in graph.output)
        raise UsageError(f"{path}: a classifier must have one output float32 [N, classes]{hint}. Received: {names}")
    return fitting[0]


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
