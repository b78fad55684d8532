"""Put a card together: the sections in the order in which a reader asks for them, inside one page."""

from importlib.metadata import version

import numpy as np

from edge.commands.info import REFERENCES, variant_rows
from edge.model import OUTPUT_NAME
from edge.result import top_k
from edge.spec import ModelSpec, Parity, Variant, describe_regions
from export.card.calls import show_calls
from export.card.confusion import show_confusion
from export.card.drawing import draw_stage
from export.card.inspection import Answer, Artifact
from export.card.markup import Shaded, details, facts, label, section, table, text
from export.card.stages import Sample, Stage
from export.card.style import STYLE

LABELS_SHOWN = 24
ANSWERS_SHOWN = 5

# Nothing may be loaded from elsewhere and nothing may run, even if something came past the escaping.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_page(artifact: Artifact, sample: Sample, stages: list[Stage]) -> str:
    """Return the card of `artifact` as HTML, with what `stages` show of `sample`."""
    spec = artifact.spec
    answer = artifact.answer(sample.pixels)
    sections = [
        section("labels", f"{len(spec.labels):,} labels", _labels(spec.labels)),
        section("preprocessing", "What a picture becomes", _stages(sample, stages, answer), _answer(spec, answer)),
        section("accuracy", "How good it is", _accuracy(spec)),
        section("parity", f"Proof that it answers as {_reference(spec)} does", _parity(spec)),
        section("size", "Size", _size(artifact)),
        section("calls", "How to call it", show_calls(artifact.path.name, spec.regions)),
    ]
    title = f"{spec.name}: model card"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<style>{STYLE}</style>\n</head>\n<body>\n'
        f"<main>\n<header><h1>{text(spec.name)}</h1>\n{_summary(artifact)}</header>\n"
        + "\n".join(sections)
        + f"\n</main>\n<footer>Written by eyespot {version('eyespot')} from the file itself. This page loads nothing "
        "from elsewhere.</footer>\n</body>\n</html>\n"
    )


def _summary(artifact: Artifact) -> str:
    spec = artifact.spec
    kind = f"each of the {describe_regions(spec.regions)} in a picture" if spec.regions else "a picture"
    rows = {"version": f"<code>{text(spec.version)}</code>"}
    if spec.training:
        rows["accuracy"] = f"{(spec.variant.accuracy if spec.variant else spec.training.accuracy):.2%}"
    if spec.parity:
        compared = "float32 difference" if spec.variant else "difference"
        rows[f"{compared} to {_reference(spec)}"] = f"{spec.parity.largest_difference:.1e}"
    rows |= {"parameters": f"{sum(artifact.parameters.values()):,}", "file": f"{artifact.size_bytes:,} bytes"}
    return f"<p>An image classifier: it gives {kind} one of {len(spec.labels):,} labels.</p>{facts(rows)}"


def _reference(spec: ModelSpec) -> str:
    return REFERENCES[spec.parity.reference] if spec.parity else "its original"


def _labels(labels: tuple[str, ...]) -> str:
    items = [f"<li>{label(name)}</li>" for name in labels]
    if len(items) <= LABELS_SHOWN:
        return f'<ol class="labels" start="0">{"".join(items)}</ol>'
    everything = f'<ol class="labels numbered" start="0">{"".join(items)}</ol>'
    shown = f'<ul class="labels">{"".join(items[:LABELS_SHOWN])}<li>…</li></ul>'
    return shown + details(f"All {len(items):,} labels, with their numbers", everything)


def _stages(sample: Sample, stages: list[Stage], answer: Answer) -> str:
    figures = "".join(draw_stage(stage, number) for number, stage in enumerate(stages))
    return (
        f"<p>The sample {label(sample.name)} after every step, as the graph itself computes it. Black and white "
        f'are drawn as what they have become.</p><ol class="stages">{figures}</ol>{_seam(stages[-1], answer)}'
    )


def _seam(last: Stage, answer: Answer) -> str:
    """Say whether the file hands its network what was drawn; an older eyespot may have built its graph otherwise."""
    if answer.network_input is None:
        return ""
    drawn = np.moveaxis(last.values, 2, 0) if last.channels_first else last.values
    if np.array_equal(drawn, answer.network_input[0]):
        return "<p>The last picture is, number for number, what this file hands to its network.</p>"
    difference = (
        f"by up to {np.abs(drawn - answer.network_input[0]).max():.2g}"
        if drawn.shape == answer.network_input[0].shape
        else "in its shape"
    )
    return (
        f'<p class="warning">The pictures were made by another eyespot than the file: what it hands to its network '
        f"differs from the last picture {difference}.</p>"
    )


def _answer(spec: ModelSpec, answer: Answer) -> str:
    predictions = top_k(spec.labels, answer.probabilities, ANSWERS_SHOWN)
    rows = ((label(p.label), Shaded(f"{p.probability:.2%}", "bar", p.probability)) for p in predictions)
    threshold = spec.reject_threshold
    unsure = threshold is not None and predictions[0].probability < threshold
    note = "<p>That is too little for this model: it says <strong>unsure</strong>.</p>" if unsure else ""
    return table("What the model answers", ["label", "probability"], rows) + note


def _accuracy(spec: ModelSpec) -> str:
    training = spec.training
    if training is None:
        return "<p>The file does not say what the model was trained on and how well it does.</p>"
    of_float32 = " of the float32 network" if spec.variant else ""
    rows = {
        f"accuracy{of_float32}": (
            f"{training.accuracy:.2%} of {training.evaluation_images:,} pictures that were held out"
        ),
        "data": f"{text(training.dataset)}, {training.training_images:,} pictures to train on",
        "recipe": f"{text(training.recipe)}, {training.epochs:,} epochs, seed {training.seed}",
        "temperature": f"{training.temperature:.3g}",
        "digest of the data": f"<code>{text(training.data_digest)}</code>",
    }
    if spec.reject_threshold is not None:
        rows["unsure"] = f"below a probability of {spec.reject_threshold:.2%}"
    heading = f"<h3>Classes{of_float32}, from which this file was made</h3>" if spec.variant else ""
    return _of_variant(spec.variant) + facts(rows) + heading + show_confusion(training.classes, spec.labels)


def _of_variant(variant: Variant | None) -> str:
    if variant is None:
        return ""
    figure = f"{variant.accuracy:.2%} of {variant.images:,} pictures that were held out"
    return facts({f"accuracy of this file ({variant.kind})": figure})


def _parity(spec: ModelSpec) -> str:
    if spec.parity is None:
        return "<p>The file holds no certificate.</p>"
    return _certificate(spec.parity) + _smaller(spec.variant) + _self_test(spec)


def _smaller(variant: Variant | None) -> str:
    if variant is None:
        return ""
    return facts({name: text(value) for name, value in variant_rows(variant).items()})


def _certificate(parity: Parity) -> str:
    rows = {
        "largest difference": f"{parity.largest_difference:.1e} of a probability; {parity.tolerance:.0e} was allowed",
        "same best label": f"{parity.top1_agreement:.2%} of {parity.comparisons:,} comparisons",
        "pictures": f"{parity.images:,}, at their own size and at odd sizes",
        "digest of the pictures": f"<code>{text(parity.data_digest)}</code>",
        "made with": ", ".join(f"{text(name)} {text(number)}" for name, number in parity.versions.items()),
    }
    return facts(rows)


def _self_test(spec: ModelSpec) -> str:
    if spec.self_test is None:
        return ""
    count = len(spec.self_test.samples)
    return f"<p>{count} of these pictures travel in the file; <code>eyespot verify</code> replays them anywhere.</p>"


def _size(artifact: Artifact) -> str:
    parameters = ", ".join(f"{count:,} of {kind}" for kind, count in artifact.parameters.items())
    nodes = [
        table(f"Nodes of the {part}", ["operator", "nodes"], ([text(kind), f"{n:,}"] for kind, n in counts.items()))
        for part, counts in (("preprocessing", artifact.preprocessing_nodes), ("network", artifact.network_nodes))
        if counts
    ]
    rows = {
        "file": f"{artifact.size_bytes:,} bytes",
        "parameters": parameters,
        "input": "<code>image</code>: uint8 [N, H, W, 3], RGB, any size",
        "output": f"<code>{OUTPUT_NAME}</code>: float32 [N, {len(artifact.spec.labels):,}]",
    }
    return facts(rows) + f'<div class="side">{"".join(nodes)}</div>'
