"""What a card says of a model file, looked up in the file itself and its spec, and rendered with the template."""

import math
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge.commands.info import REFERENCES, variant_rows
from edge.errors import ModelError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME, read_spec
from edge.result import top_k
from edge.runtime import create_session
from edge.spec import ModelSpec, TrainingRecord, describe_regions
from export.card.pictures import choose_samples, draw, draw_stages, read_sample
from export.graph.session import read_by

ROUNDING = ("QuantizeLinear", "DequantizeLinear")
LARGEST_MATRIX, ROWS_SHOWN, ANSWERS_SHOWN = 20, 20, 5
Table = tuple[str, list[str], list[list[Any]]]  # caption, head, rows


@dataclass(frozen=True)
class Shaded:
    """A cell whose kind and share, 0 to 1, decide how the style sheet shades it."""

    text: str
    kind: str
    share: float


def write_card(model: Path, image: str | None) -> tuple[str, ModelSpec]:
    """Return the card of the artifact at `model` as HTML, which shows the picture in the file `image`, and its spec.

    Without `image` it shows samples that travel in the artifact. Raises ModelError, ModelNotFoundError or UsageError.
    """
    spec, content = read_spec(model), onnx.load(model)
    if [value.name for value in content.graph.input] != [INPUT_NAME]:
        raise ModelError(f"{model}: the input must be {INPUT_NAME!r}")
    sample, *others = [read_sample(image)] if image else choose_samples(spec)
    front = _leading_to(content.graph, NETWORK_INPUT_NAME)
    size = _size(content.graph, front, spec, model)
    outputs = [OUTPUT_NAME, *([NETWORK_INPUT_NAME] if front else [])]
    if front:
        content.graph.output.append(helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, None))
    session = create_session(content.SerializeToString(), str(model))

    def answer(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        return [array[0] for array in session.run(outputs, {INPUT_NAME: pixels[None]})]

    stages, last = draw_stages(spec.preprocessing, sample.pixels)
    best, *seam = answer(sample.pixels)
    predictions = top_k(spec.labels, best, ANSWERS_SHOWN)
    examples = []
    for other in others:
        first = top_k(spec.labels, answer(other.pixels)[0], 1)[0]
        note = f"{first.label} {first.probability:.2%}"
        examples.append(
            draw(other.pixels.astype(np.float64), (0.0, 255.0), other.name, "A picture that travels", [note])
        )
    data = {
        **_told(spec),
        **size,
        "spec": spec,
        "subject": f"each of the {describe_regions(spec.regions)} in a picture" if spec.regions else "a picture",
        "sample": sample.name,
        "stages": stages,
        "is_same_input": not seam or np.array_equal(last, seam[0]),
        "answers": [[p.label, Shaded(f"{p.probability:.2%}", "bar", p.probability)] for p in predictions],
        "is_unsure": spec.reject_threshold is not None and predictions[0].probability < spec.reject_threshold,
        "examples": examples,
        "file": shlex.quote(f"./{model.name}" if model.name.startswith("-") else model.name),
        "name": repr(model.name),
    }
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, finalize=_printable)
    return environment.get_template("card.html").render(data), spec


def _printable(value: Any) -> Any:
    """Spell out control characters, and bytes that are no text: a label may hold those of a folder's name."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in value)


def _told(spec: ModelSpec) -> dict[str, Any]:
    """Return what the spec says of accuracy and proof."""
    training, parity, variant = spec.training, spec.parity, spec.variant
    told: dict[str, Any] = {"summary": {}, "accuracy": {}, "proof": {}, "digests": {"version": spec.version}}
    if training:
        told |= _trained(training, spec)
    if spec.reject_threshold is not None:
        told["accuracy"]["unsure"] = f"below a probability of {spec.reject_threshold:.2%}"
    told["reference"] = REFERENCES[parity.reference] if parity else "its source"
    if parity:
        compared = "float32 difference" if variant else "difference"
        told["summary"][f"{compared} to {told['reference']}"] = f"{parity.largest_difference:.1e}"
        told["proof"] = {
            "largest difference": f"{parity.largest_difference:.1e} of a probability; {parity.tolerance:.0e} allowed",
            "same best label": f"{parity.top1_agreement:.2%} of {parity.comparisons:,} comparisons",
            "pictures": f"{parity.images:,}, at their own size and at odd sizes",
            **(variant_rows(variant) if variant else {}),
        }
        made_with = ", ".join(f"{name} {number}" for name, number in parity.versions.items())
        told["digests"] |= {"pictures": parity.data_digest, "made with": made_with}
    return told


def _trained(training: TrainingRecord, spec: ModelSpec) -> dict[str, Any]:
    """Return what the record of a training says, accuracy against the baseline first."""
    variant, counts = spec.variant, training.classes
    baseline = getattr(training, "baseline_accuracy", None)
    if baseline is None:
        baseline = max(counts.support) / max(sum(counts.support), 1)
    judged_by = f"{training.evaluation_images:,} {getattr(training, 'evaluated_on', None) or 'held-out'} pictures"
    of_float32 = " of the float32 network" if variant else ""
    rows, own = {}, training.accuracy
    if variant and variant.accuracy is not None:
        own = variant.accuracy
        rows[f"accuracy of this file ({variant.kind})"] = f"{own:.2%} of {variant.images:,} pictures"
    rows[f"accuracy{of_float32}"] = f"{training.accuracy:.2%} of {judged_by}"
    rows["baseline"] = f"{baseline:.2%}, if it always said the commonest label"
    error = getattr(training, "calibration_error", None)
    rows |= {} if error is None else {"calibration error": f"{error:.2%}"}
    rows["data"], rows["recipe"] = training.dataset, training.recipe
    if training.training_images:
        rows["data"] += f", {training.training_images:,} pictures to train on"
        rows["recipe"] += f", {training.epochs:,} epochs, seed {training.seed}"
    if backbone := getattr(training, "backbone", None):
        rows["backbone"] = backbone
    rows["temperature"] = f"{training.temperature:.3g}"
    return {
        "summary": {"accuracy": f"{own:.2%}", "baseline": f"{baseline:.2%}"},
        "warnings": getattr(training, "warnings", None) or (),
        "accuracy": rows,
        "digests": {"version": spec.version, "data": training.data_digest},
        "tables": _class_tables(spec, training, of_float32),
    }


def _class_tables(spec: ModelSpec, training: TrainingRecord, of_float32: str) -> list[Table]:
    """Return the whole confusion matrix of a few classes, the most frequent confusions of many, and every class."""
    counts, labels = training.classes, spec.labels
    places = range(len(labels))
    found = {(c.true, c.predicted): c.count for c in counts.confusions} | {(i, i): counts.correct[i] for i in places}
    tables: list[Table] = []
    if len(labels) <= LARGEST_MATRIX and counts.is_complete:
        rows: list[list[Any]] = []
        for i in places:
            cells = [(found.get((i, j), 0), "right" if i == j else "wrong") for j in places]
            shaded = [Shaded(f"{n:,}", kind if n else "none", n / max(counts.support[i], 1)) for n, kind in cells]
            rows.append([labels[i], *shaded])
        tables.append((f"Confusion matrix{of_float32}: shown in rows, called in columns", ["shown", *labels], rows))
    elif most := counts.confusions[:ROWS_SHOWN]:
        rows = [
            [labels[c.true], labels[c.predicted], f"{c.count:,}", f"{c.count / counts.support[c.true]:.1%}"]
            for c in most
        ]
        head = ["shows", "was called", "images", "of those that show it"]
        tables.append(
            (f"The {len(most)} most frequent confusions{of_float32}, of {counts.errors:,} mistakes", head, rows)
        )

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    rows = [[labels[i], share(counts.precision(i)), share(counts.recall(i)), f"{counts.support[i]:,}"] for i in places]
    return [*tables, (f"Every class{of_float32}", ["class", "precision", "recall", "images"], rows)]


def _size(graph: onnx.GraphProto, front: set[str], spec: ModelSpec, path: Path) -> dict[str, Any]:
    """Return what a file weighs, and how many nodes of each type its parts have; `front` leads to the network."""
    network = [node for node in graph.node if front.isdisjoint(node.output)]
    # Behind what they round these read scales and zero points, which say how parameters are held; shapes are none.
    used = {n for node in network for n in (node.input[:1] if node.op_type in ROUNDING else read_by(node))}
    parameters: Counter[str] = Counter()
    for constant in graph.initializer:
        if constant.name in used and constant.data_type not in (TensorProto.INT64, TensorProto.BOOL):
            parameters[helper.tensor_dtype_to_np_dtype(constant.data_type).name] += math.prod(constant.dims)
    parts = {"preprocessing": [node for node in graph.node if not front.isdisjoint(node.output)], "network": network}
    counted = {part: Counter(node.op_type for node in nodes).most_common() for part, nodes in parts.items()}
    return {
        "size": {
            "file": f"{path.stat().st_size:,} bytes",
            "parameters": ", ".join(f"{n:,} of {kind}" for kind, n in parameters.most_common()),
            "output": f"{OUTPUT_NAME}: float32 [N, {len(spec.labels):,}]",
        },
        "operators": [
            (f"Nodes of the {part}", ["operator", "nodes"], [[kind, f"{n:,}"] for kind, n in rows])
            for part, rows in counted.items()
        ],
    }


def _leading_to(graph: onnx.GraphProto, name: str) -> set[str]:
    """Return the tensors that lead to the tensor `name`, and itself; none if there is no such tensor."""
    makers = {output: node for node in graph.node for output in node.output if output}
    found: set[str] = set()
    waiting = [name] if name in makers else []
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and found.isdisjoint(node.output):
            found |= set(filter(None, node.output))
            waiting += read_by(node)
    return found
