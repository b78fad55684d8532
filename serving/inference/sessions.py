"""The sessions of a model: its preprocessor for one picture of any size, its network for batches, on one provider.

Pictures differ in size and a batch may not, so the artifact is split at `network_input`. onnxruntime makes a CPU
session, with no more than a log line, where CUDA was asked for and a library is missing; here that is an error.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from edge.errors import InstallationError, ModelError, reason_of
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import LOG_ERRORS_ONLY, PROBE_MODEL, import_onnxruntime

Tensor = NDArray[np.float32]

EXECUTION_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# Above so many pixels the preprocessor gives its memory back after the run; below, keeping it is faster.
KEEP_MEMORY_PIXELS = 4_000_000


@dataclass(frozen=True)
class ModelSessions:
    """A preprocessor and a network that together answer as the artifact does; any number of threads may use them.

    The network only takes as many pictures as one of `sizes` says, in ascending order; the rest of a batch is filled
    with zeros, whose answers are dropped.
    """

    preprocessor: Any
    network: Any
    sizes: tuple[int, ...]

    def prepare(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return the network's input float32 [1, ...] for one picture, uint8 RGB [H, W, 3]."""
        options = None
        if pixels.shape[0] * pixels.shape[1] > KEEP_MEMORY_PIXELS:
            options = import_onnxruntime().RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        tensor: Tensor = self.preprocessor.run([NETWORK_INPUT_NAME], {INPUT_NAME: pixels[None]}, options)[0]
        return tensor

    def predict(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return probabilities float32 [n, classes] for `n` prepared pictures, at most the largest of `sizes`."""
        count = len(prepared)
        size = next(size for size in self.sizes if size >= count)
        filling = [np.zeros_like(prepared[0])] * (size - count)
        batch = prepared[0] if size == 1 else np.concatenate([*prepared, *filling])
        answers: Tensor = self.network.run([OUTPUT_NAME], {NETWORK_INPUT_NAME: batch})[0]
        return answers[:count]

    def run(self, _: Sequence[str], feeds: dict[str, NDArray[np.uint8]]) -> list[Tensor]:
        """Return what onnxruntime's `run` does for the whole artifact: pictures of one size, one after another."""
        return [np.concatenate([self.predict([self.prepare(picture)]) for picture in feeds[INPUT_NAME]])]


def load_sessions(content: bytes, source: str, provider: str, threads: int, max_batch: int) -> ModelSessions:
    """Return the sessions of the artifact in `content`; pictures are always preprocessed on the CPU.

    The network takes 1, 2, 4 and so on pictures up to `max_batch`: a GPU searches its algorithms anew for every
    shape. Raises ModelError for a model that cannot be split or loaded, InstallationError for the provider.
    """
    models = split_model(content, source)
    preprocessor = create_provider_session(models[0], source, "cpu", 1, varying=True)
    network = create_provider_session(models[1], source, provider, threads)
    return ModelSessions(preprocessor, network, tuple(1 << i for i in range(max_batch.bit_length())))


def split_model(content: bytes, source: str) -> tuple[bytes, bytes]:
    """Return two ONNX models: `image` to `network_input`, and `network_input` to `probabilities`.

    Raises ModelError if there is no such tensor, or if the network also reads `image`.
    """
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(f"{source}: this is not an ONNX model ({error})") from None
    graph = model.graph
    between = next((value for value in graph.value_info if value.name == NETWORK_INPUT_NAME), None)
    between = between or onnx.helper.make_tensor_value_info(NETWORK_INPUT_NAME, onnx.TensorProto.FLOAT, None)
    if between.type.tensor_type.HasField("shape"):
        between.type.tensor_type.shape.dim[0].Clear()
        between.type.tensor_type.shape.dim[0].dim_param = "N"
    after = _nodes_after(graph, source)
    preprocessor = _part(model, list(graph.node), list(graph.input), between)
    return preprocessor, _part(model, after, [between], graph.output[0])


def _part(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], given: list[onnx.ValueInfoProto], made: onnx.ValueInfoProto
) -> bytes:
    """Return a model of those of `nodes` that make `made` from the inputs `given`; onnxruntime would run the others."""
    needed, names = [], {made.name}
    for node in reversed(nodes):
        if names.intersection(node.output):
            needed.append(node)
            names |= _names_read(node)
    graph = onnx.helper.make_graph(
        needed[::-1],
        model.graph.name,
        given,
        [made],
        [tensor for tensor in model.graph.initializer if tensor.name in names],
        sparse_initializer=[tensor for tensor in model.graph.sparse_initializer if tensor.values.name in names],
    )
    part = onnx.helper.make_model(
        graph, ir_version=model.ir_version, opset_imports=model.opset_import, functions=model.functions
    )
    return bytes(part.SerializeToString())


def _nodes_after(graph: onnx.GraphProto, source: str) -> list[onnx.NodeProto]:
    """Return the nodes that do not depend on `image`, or only through `network_input`. Raises ModelError."""
    from_image = {INPUT_NAME}
    kept = []
    is_made = False
    for node in graph.node:
        if NETWORK_INPUT_NAME in node.output:
            is_made = True
        elif _names_read(node) & from_image:
            from_image.update(node.output)
        else:
            kept.append(node)
    if not is_made:
        raise ModelError(f"{source}: nothing in it makes the tensor {NETWORK_INPUT_NAME!r}; export it again")
    if OUTPUT_NAME in from_image:
        raise ModelError(f"{source}: its network reads {INPUT_NAME!r} beside {NETWORK_INPUT_NAME!r}; export it again")
    return kept


def _names_read(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node reads, those of a branch or a loop inside it among them."""
    names = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            names.update(value.name for value in graph.output)
            names.update(*map(_names_read, graph.node))
    return names


def choose_provider(wanted: str) -> tuple[str, str]:
    """Return the provider that runs here, and for `auto` why not a better one, else an empty string.

    Raises InstallationError if `wanted` is one that does not load.
    """
    if wanted == "cpu":
        return wanted, ""
    provider = "cuda" if wanted == "auto" else wanted  # TensorRT takes minutes to build, so it must be asked for
    reason = why_not(provider)
    if reason is None:
        return provider, ""
    if wanted != "auto":
        raise InstallationError(f"the provider {wanted!r} does not load here: {reason}")
    return "cpu", f"{provider}: {reason}"


def why_not(provider: str) -> str | None:
    """Return why a GPU provider does not run a model here, or None if it does."""
    onnxruntime = import_onnxruntime()
    built = onnxruntime.get_available_providers()
    if EXECUTION_PROVIDERS[provider] not in built:
        return f"onnxruntime {onnxruntime.__version__} is built for {', '.join(built)} only; install eyespot[gpu]"
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    try:
        create_provider_session(PROBE_MODEL, provider, provider, 1)
    except (InstallationError, ModelError) as error:
        return _missing_library(onnxruntime, provider) or str(error)
    return None


def _missing_library(onnxruntime: Any, provider: str) -> str | None:
    """Return the linker's message on what is missing, which onnxruntime only writes to its log."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / f"libonnxruntime_providers_{provider}.so"))
    except OSError as error:
        return str(error)
    return None


def create_provider_session(model: bytes, name: str, provider: str, threads: int, varying: bool = False) -> Any:
    """Return a session on `provider` and on no other; `name` is for messages, `varying` for inputs of any shape.

    `threads` work on one run, without spinning, since other runs want the cores too. Raises InstallationError if
    another provider came up, ModelError for the model.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = not varying
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = EXECUTION_PROVIDERS[provider]
    names = list(dict.fromkeys((wanted, EXECUTION_PROVIDERS["cpu"])))  # for operators that the first does not have
    try:
        session = onnxruntime.InferenceSession(model, options, providers=names, enable_fallback=0)
    except Exception as error:  # noqa: BLE001 # onnxruntime's exceptions share no other base class
        reason = reason_of(error)
        raise ModelError(f"{name}: onnxruntime {onnxruntime.__version__} cannot load this model ({reason})") from None
    if (found := session.get_providers()[0]) != wanted:
        raise InstallationError(f"{name}: {wanted} was asked for and {found} came up")
    return session
