"""Show what a model file says about itself: labels, preprocessing, training, certificate of parity."""

import argparse
import json
from pathlib import Path

import msgspec

from edge.arguments import DONE
from edge.model import read_spec
from edge.spec import ModelSpec, TrainingRecord, Variant, describe_regions
from edge.steps import describe

REFERENCES = {"keras": "Keras", "tensorflow": "TensorFlow", "onnx": "the plain ONNX file"}
ORIGINS = {"held-out": "held-out images", "folder": "a folder of images", "made": "synthetic images"}
LABELS_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot info` takes."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file written by 'eyespot export'")
    parser.add_argument("--json", action="store_true", help="the whole spec as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the spec and return the exit status."""
    path = Path(arguments.model)
    spec = read_spec(path)
    if arguments.json:
        print(json.dumps(msgspec.to_builtins(spec), indent=2))
    else:
        rows = spec_rows(spec) | {"file": f"{path.stat().st_size:,} bytes, unaltered since export"}
        width = max(map(len, rows))
        print("\n".join(f"{name:<{width}}   {value}" for name, value in rows.items()))
    return DONE


def spec_rows(spec: ModelSpec) -> dict[str, str]:
    """Return the spec as a table of names and values."""
    others = len(spec.labels) - LABELS_SHOWN
    labels = ", ".join(spec.labels[:LABELS_SHOWN]) + (f" and {others} more" if others > 0 else "")
    rows = {
        "model": spec.name,
        "version": spec.version or "none yet",
        "labels": f"{len(spec.labels)}: {labels}",
        "preprocessing": ", ".join(map(describe, spec.preprocessing)),
    }
    if spec.regions:
        rows["regions"] = describe_regions(spec.regions)
    if spec.reject_threshold is not None:
        rows["unsure"] = f"below a probability of {spec.reject_threshold:.2%}"
    if training := spec.training:
        how = f"{training.epochs} epochs, seed {training.seed}"
        rows["trained"] = f"{training.recipe} on {training.dataset}, {training.training_images:,} images, {how}"
        rows["accuracy"] = f"{training.accuracy:.2%} of {training.evaluation_images:,} {evaluated_on(training)}"
        if training.baseline_accuracy is not None:
            rows["accuracy"] += f" (always the most frequent class: {training.baseline_accuracy:.2%})"
        if training.backbone:
            rows["backbone"] = training.backbone
        if training.calibration_error is not None:
            rows["calibration"] = f"expected error {training.calibration_error:.2%}"
        rows |= {f"warning {number}": text for number, text in enumerate(training.warnings or (), 1)}
    if parity := spec.parity:
        rows["parity"] = (
            f"largest difference to {REFERENCES[parity.reference]} {parity.largest_difference:.1e} (limit "
            f"{parity.tolerance:.0e}), top-1 equal on {parity.top1_agreement:.2%} of {parity.comparisons:,} "
            f"comparisons on {ORIGINS[parity.origin]}"
        )
        rows["made with"] = ", ".join(f"{name} {version}" for name, version in parity.versions.items())
    rows |= variant_rows(spec.variant) if spec.variant else {}
    if fingerprint := spec.fingerprint:
        counted = f"{sum(fingerprint.size.counts):,} training images (size, brightness, contrast)"
        rows["fingerprint"] = f"{counted}, {sum(fingerprint.classes):,} others (confidence, classes)"
    if self_test := spec.self_test:
        rows["self-test"] = f"{len(self_test.samples)} samples, limit {self_test.tolerance:.0e} (eyespot verify)"
    return rows


def evaluated_on(training: TrainingRecord) -> str:
    """Return what the accuracy of a training is measured on, in words."""
    return f"{training.evaluated_on or 'held-out'} images"


def variant_rows(variant: Variant) -> dict[str, str]:
    """Return the certificate of a variant as a table of names and values."""
    kept = f", {len(variant.float_layers)} layers in float32" if variant.float_layers else ""
    calibration = f", {variant.calibration} calibration" if variant.calibration else ""
    accuracy = f"{variant.images:,} pictures without labels"
    if variant.accuracy is not None and variant.float32_accuracy is not None:
        accuracy = f"{variant.accuracy:.2%} of {variant.images:,} pictures, float32 {variant.float32_accuracy:.2%}"
    made = f"{variant.kind} ({variant.scheme}{calibration}{kept})"
    limit = f"limit {variant.max_drop_points:g} points less"
    return {
        "variant": f"{made}; parity is that of the float32 network it was made from",
        "cost": f"{accuracy} ({limit}), same best label on {variant.top1_agreement:.2%}",
    }
