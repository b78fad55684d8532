"""Show what a model file says of itself: labels, preprocessing, training, proof of parity."""

import argparse
import json
from pathlib import Path

from edge.artifact import read_spec
from edge.cli import DONE
from edge.spec import ModelSpec, Parity, TrainingRecord, Variant, describe_regions
from edge.steps import describe
from edge.strict_json import encode
from edge.tune.record import recall

REFERENCES = {"keras": "Keras", "tensorflow": "TensorFlow", "onnx": "the plain ONNX file"}
ORIGINS = {"held-out": "held-out images", "folder": "a folder of pictures", "made": "pictures that eyespot made"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot info` takes."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file written by 'eyespot export'")
    parser.add_argument("--json", action="store_true", help="the whole spec as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the spec and return the exit status."""
    path = Path(arguments.model)
    spec = read_spec(path)
    if arguments.json:
        print(json.dumps(encode(spec), indent=2))
    else:
        rows = spec_rows(spec) | _tuned_rows(spec) | {"file": f"{path.stat().st_size:,} bytes, unaltered since export"}
        width = max(map(len, rows))
        print("\n".join(f"{name:<{width}}   {value}" for name, value in rows.items()))
    return DONE


def spec_rows(spec: ModelSpec) -> dict[str, str]:
    """Return the spec as names and values for a person."""
    rows = {
        "model": spec.name,
        "version": spec.version or "none yet",
        "labels": f"{len(spec.labels)}: {_shortened(spec.labels)}",
        "preprocessing": ", ".join(map(describe, spec.preprocessing)),
    }
    if spec.regions:
        rows["regions"] = describe_regions(spec.regions)
    if spec.abstain_below is not None:
        rows["abstains"] = f"below a probability of {spec.abstain_below:.2%}"
    if spec.training:
        rows |= _training_rows(spec.training)
    if spec.parity:
        rows |= _parity_rows(spec.parity)
    if variant := spec.variant:
        rows |= variant_rows(variant)
    if fingerprint := spec.fingerprint:
        rows["fingerprint"] = (
            f"{sum(fingerprint.size.counts):,} pictures trained on (size, brightness, contrast), "
            f"{sum(fingerprint.classes):,} held out (confidence, classes)"
        )
    if self_test := spec.self_test:
        rows["self-test"] = f"{len(self_test.samples)} samples, limit {self_test.tolerance:.0e} (eyespot verify)"
    return rows


def _training_rows(training: TrainingRecord) -> dict[str, str]:
    return {
        "trained": (
            f"{training.recipe} on {training.dataset}, {training.training_images:,} images, "
            f"{training.epochs} epochs, seed {training.seed}"
        ),
        "accuracy": f"{training.held_out_accuracy:.2%} of {training.held_out_images:,} held-out images",
    }


def _parity_rows(parity: Parity) -> dict[str, str]:
    return {
        "parity": (
            f"largest difference to {REFERENCES[parity.reference]} {parity.largest_difference:.1e} "
            f"(limit {parity.tolerance:.0e}), "
            f"top-1 equal on {parity.top1_agreement:.2%} of {parity.comparisons:,} comparisons on "
            f"{ORIGINS[parity.origin]}"
        ),
        "made with": ", ".join(f"{name} {version}" for name, version in parity.versions.items()),
    }


def _tuned_rows(spec: ModelSpec) -> dict[str, str]:
    """Return what `eyespot tune` remembers of the model on this device."""
    one, many = (recall(spec, lambda _: None, many=many) for many in (False, True))
    if one is None or many is None:
        return {}
    from edge.answer import printable  # it brings a classifier along, which the spec alone does not need

    texts = [
        f"{commands}: {printable(best.path)}, {best.threads} thread{'s'[: best.threads != 1]}"
        for commands, best in (("classify, watch", one), ("batch", many))
    ]
    return {"tuned here": "; ".join(texts)}


def variant_rows(variant: Variant) -> dict[str, str]:
    """Return the certificate of a smaller variant under the names that are shown beside it."""
    kept = f", {len(variant.float_layers)} layers in float32" if variant.float_layers else ""
    calibration = f", {variant.calibration} calibration" if variant.calibration else ""
    accuracy = (
        f"{variant.accuracy:.2%} of {variant.images:,} pictures, float32 {variant.float32_accuracy:.2%}"
        if variant.accuracy is not None
        else f"{variant.images:,} pictures without labels"
    )
    return {
        "variant": (
            f"{variant.kind} ({variant.scheme}{calibration}{kept}); "
            "parity is that of the float32 network it was made from"
        ),
        "cost": (
            f"{accuracy} "
            f"(limit {variant.max_drop_points:g} points less), same best label on {variant.top1_agreement:.2%}"
        ),
    }


def _shortened(labels: tuple[str, ...], shown: int = 10) -> str:
    return ", ".join(labels[:shown]) + (f" and {len(labels) - shown} more" if len(labels) > shown else "")
