"""Which files hold one network, and which of them may stand in for another.

It exists because the fastest file is worth nothing if it answers worse than it was allowed to, or another question.
"""

import hashlib
from dataclasses import replace

from edge.spec import ModelSpec

FLOAT32 = "float32"


def identity(spec: ModelSpec) -> str:
    """Return a digest, in hexadecimal, that all variants of one network share: of its labels, steps and training."""
    return hashlib.sha256(shared_part(spec).to_json().encode()).hexdigest()


def shared_part(spec: ModelSpec) -> ModelSpec:
    """Return the part of a spec that all variants of one network share."""
    return replace(spec, version=None, parity=None, self_test=None, variant=None)


def precision(spec: ModelSpec) -> str:
    """Return what the network's numbers are: `float32`, `int8` or `fp16`."""
    return spec.variant.kind if spec.variant else FLOAT32


def accuracy(spec: ModelSpec) -> float | None:
    """Return the share of held-out images, 0 to 1, that the file's certificate says it got right; None without one."""
    if spec.variant:
        return spec.variant.accuracy
    return spec.training.held_out_accuracy if spec.training else None


def refusal(spec: ModelSpec) -> str | None:
    """Return why a file may not stand in for another of its network, None if it may."""
    if spec.parity is None:
        return "no certificate"
    variant = spec.variant
    if variant and variant.drop_points > variant.max_drop_points:
        return f"loses {variant.drop_points:.2f} points of accuracy, limit {variant.max_drop_points:g}"
    return None
