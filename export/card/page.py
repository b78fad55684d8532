"""What a card shows of a model file, looked up in the file itself, and rendered with the template card.html."""

import math
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge.classifier import decode_sample
from edge.commands.info import REFERENCES, evaluated_on, variant_rows
from edge.errors import ImageError, ModelError, UsageError
from edge.image import read_image
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME, read_model, spec_of
from edge.result import printable, top_k
from edge.runtime import create_session
from edge.spec import ClassCounts, ModelSpec, describe_regions
from edge.steps import ChannelsFirst, Step, describe
from export.parity.compare import View
from export.preprocess import build_preprocessing
from export.writer import encode_png, fit_into

LARGEST_MATRIX, ANSWERS_SHOWN = 20, 5
LARGEST_SIDE_PX, SHOWN_SIDE_PX = 512, 200  # larger pictures are shrunk, smaller ones shown in larger pixels
# A picture that is all black and one that is all white, uint8 RGB [2, 8, 8, 3].
EXTREMES = np.repeat(np.array([0, 255], np.uint8), 8 * 8 * 3).reshape(2, 8, 8, 3)


@dataclass(frozen=True)
class Figure:
    """A PNG in base64, how large it is shown, and what is written below it."""

    png: str
    width: int
    height: int
    is_enlarged: bool
    title: str
    notes: list[str]


def write_card(model: Path, image: str | None) -> tuple[str, ModelSpec]:
    """Return the card of the artifact at `model` as HTML, which shows the picture in the file `image`, and its spec.

    Without `image` it shows samples inside the artifact. Raises ModelError, ModelNotFoundError or UsageError.
    """
    encoded = read_model(model)
    spec, content = spec_of(encoded, str(model)), onnx.load_from_string(encoded)
    graph = content.graph
    if [value.name for value in graph.input] != [INPUT_NAME]:
        raise ModelError(f"{model}: the input must be {INPUT_NAME!r}")
    sample, *others = [_read_sample(image)] if image else _stored_samples(spec)
    outputs = [OUTPUT_NAME]
    if any(NETWORK_INPUT_NAME in node.output for node in graph.node):
        outputs.append(NETWORK_INPUT_NAME)
        graph.output.append(helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, None))
    session = create_session(content.SerializeToString(), str(model))
    probabilities, *network_input = session.run(outputs, {INPUT_NAME: sample.pixels[None]})
    stages, last = _draw_stages(spec.preprocessing, sample.pixels)
    examples = []
    for other in others:
        (best,) = top_k(spec.labels, session.run([OUTPUT_NAME], {INPUT_NAME: other.pixels[None]})[0][0], 1)
        note = f"{best.label} {best.probability:.2%}"
        examples.append(_draw(other.pixels, (0.0, 255.0), other.name, [note]))
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, finalize=_printable)
    environment.filters["percent"] = lambda share: "-" if share is None else f"{share:.2%}"
    page = environment.get_template("card.html").render(
        spec=spec,
        subject=f"each of the {describe_regions(spec.regions)} in a picture" if spec.regions else "a picture",
        reference=REFERENCES[spec.parity.reference] if spec.parity else "its source",
        evaluated_on=evaluated_on(spec.training) if spec.training else "",
        variant_rows=variant_rows(spec.variant) if spec.variant else {},
        matrix=_matrix(spec.training.classes) if spec.training else None,
        sample=sample.name,
        stages=stages,
        is_same_input=not network_input or np.array_equal(last, network_input[0][0]),
        answers=top_k(spec.labels, probabilities[0], ANSWERS_SHOWN),
        examples=examples,
        size_bytes=len(encoded),
        parameters=_count_parameters(graph),
        operators=_count_operators(graph),
        file=shlex.quote(f"./{model.name}" if model.name.startswith("-") else model.name),
        name=repr(model.name),
    )
    return page, spec


def _printable(value: Any) -> Any:
    """Spell out control characters, and bytes that are not UTF-8: a label may hold those of a folder's name."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _matrix(counts: ClassCounts) -> list[list[int]] | None:
    """Return the confusion matrix, true classes in rows; None for many classes, or where it is not known."""
    places = range(len(counts.support))
    mistakes = sum(counts.support) - sum(counts.correct)
    if len(places) > LARGEST_MATRIX or sum(c.count for c in counts.confusions) != mistakes:
        return None
    found = {(c.true, c.predicted): c.count for c in counts.confusions} | {(i, i): counts.correct[i] for i in places}
    return [[found.get((i, j), 0) for j in places] for i in places]


def _is_preprocessing(name: str) -> bool:
    return name.startswith("preprocessing/") or name == NETWORK_INPUT_NAME


def _count_parameters(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the number of weights by their type, without scales, zero points and shapes."""
    rounding = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = {name for node in rounding for name in node.input[1:]}
    parameters: Counter[str] = Counter()
    for tensor in graph.initializer:
        is_number = tensor.data_type not in (TensorProto.INT64, TensorProto.BOOL)
        if is_number and tensor.name not in scales and not _is_preprocessing(tensor.name):
            parameters[helper.tensor_dtype_to_np_dtype(tensor.data_type).name] += math.prod(tensor.dims)
    return parameters


def _count_operators(graph: onnx.GraphProto) -> dict[str, list[tuple[str, int]]]:
    """Return how many nodes of each type the two parts of the graph have, the most frequent first."""
    parts: dict[str, Counter[str]] = {"preprocessing": Counter(), "network": Counter()}
    for node in graph.node:
        parts["preprocessing" if _is_preprocessing(node.name) else "network"][node.op_type] += 1
    return {part: counter.most_common() for part, counter in parts.items()}


def _read_sample(path: str) -> View:
    """Return the picture in a file. Raises UsageError, naming the file, if it holds none."""
    try:
        return View(Path(path).name, read_image(path).pixels)
    except ImageError as error:
        raise UsageError(f"{path}: {error}") from None


def _stored_samples(spec: ModelSpec) -> list[View]:
    """Return the samples in a file that are pictures as they came, the one that the source was surest of first.

    Of a file without such, the surest of all. Raises UsageError for no samples, ModelError for a damaged picture.
    """
    if spec.self_test is None:
        raise UsageError(f"{spec.name}: the file holds no sample pictures; give one with --image")
    ranked = sorted(spec.self_test.samples, key=lambda sample: -max(sample.probabilities))
    shown = [sample for sample in ranked if " at " not in sample.name] or ranked[:1]
    return [View(sample.name, decode_sample(spec, sample)) for sample in shown]


def _draw_stages(steps: Sequence[Step], pixels: NDArray[np.uint8]) -> tuple[list[Figure], NDArray[np.float32]]:
    """Return figures of a picture as it comes and after each step, and what the network gets in the end."""
    figures = [_draw(pixels, (0.0, 255.0), "the picture as it comes", [])]
    values = pixels.astype(np.float32)
    for count, step in enumerate(steps, 1):
        session = create_session(build_preprocessing(steps[:count]).SerializeToString(), describe(step))
        (values,) = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: pixels[None]})[0]
        black, white = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: EXTREMES})[0]
        is_first = any(isinstance(done, ChannelsFirst) for done in steps[:count])
        shown = np.moveaxis(values, 0, 2) if is_first else values
        ends = float(min(black.min(), white.min())), float(max(black.max(), white.max()))
        figures.append(_draw(shown, ends, f"{count}. {describe(step)}", ["channels first"] if is_first else []))
    return figures, values


def _draw(values: NDArray[Any], ends: tuple[float, float], title: str, notes: list[str]) -> Figure:
    """Return a figure of [h, w, c], in which the first of `ends` is black and the second white."""
    (height, width, channels), (low, high) = values.shape, ends
    levels = np.clip(np.rint((values.astype(np.float64) - low) / (high - low or 1.0) * 255), 0, 255)
    shown = fit_into(np.broadcast_to(levels, (height, width, 3)).astype(np.uint8), LARGEST_SIDE_PX)
    factor = max(1, SHOWN_SIDE_PX // max(shown.shape[:2]))
    facts = f"{height}x{width} pixels, {channels} channel{'s'[: channels != 1]}"
    return Figure(
        png=encode_png(shown),
        width=shown.shape[1] * factor,
        height=shown.shape[0] * factor,
        is_enlarged=factor > 1,
        title=title,
        notes=[facts, f"values {values.min():.3g} to {values.max():.3g}", *notes],
    )
