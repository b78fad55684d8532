"""Which files hold one network, and which of them may stand in for another.

It exists because the fastest file is worth nothing if it answers worse than it was allowed to, or another question.
"""

import hashlib
from dataclasses import replace

from edge.spec import ModelSpec


def identity(spec: ModelSpec) -> str:
    """Return a digest, in hexadecimal, that all variants of one network share: of its labels, steps and training."""
    shared = replace(spec, version=None, parity=None, self_test=None, variant=None)
    return hashlib.sha256(shared.to_json().encode()).hexdigest()


def precision(spec: ModelSpec) -> str:
    """Return what the network's numbers are: `float32`, `int8` or `fp16`."""
    return spec.variant.kind if spec.variant else "float32"


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
