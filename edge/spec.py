"""`ModelSpec`: all that anyone needs to know about a model, carried inside the model file as JSON.

Unknown keys, missing keys and wrong types are refused. Some attributes have another name than their key in the JSON,
which stays that of older files: see `field(name=...)`.
"""

import json
import math
from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from edge.errors import ModelError
from edge.steps import Step

SPEC_FORMAT = 1
# A confusion matrix of 20 classes has 380 cells off its diagonal.
MOST_CONFUSIONS = 400

# What an artifact was compared with: what ran the network before it was an artifact.
Reference = Literal["keras", "tensorflow", "onnx"]
# Where the pictures of that comparison came from: those a training did not see, a folder, or eyespot itself.
Origin = Literal["held-out", "folder", "made"]


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a spec."""


class _Regions(_Part, frozen=True, tag_field="kind"):
    @property
    def kind(self) -> str:
        """What is looked for, as in the JSON."""
        return str(self.__struct_config__.tag)


class Faces(_Regions, frozen=True, tag="faces"):
    """The model classifies the faces found in a picture, not the picture."""


class Glyphs(_Regions, frozen=True, tag="glyphs"):
    """The model classifies the `count` characters found in a picture, read from left to right."""

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"glyphs: count must be at least 1. Received: {self.count}")


def describe_regions(regions: Faces | Glyphs) -> str:
    """Return what is looked for in words: `faces`, or `4 glyphs`."""
    return f"{regions.count} glyphs" if isinstance(regions, Glyphs) else regions.kind


class Confusion(_Part, frozen=True):
    """`count` images that show class `true` and were predicted as `predicted`; both are indices of labels."""

    true: int
    predicted: int
    count: int


class ClassCounts(_Part, frozen=True):
    """How a model did class by class: counts of images in the order of the labels, and the most frequent confusions.

    `support` counts the images that show a class, `predicted` those that were predicted so, `correct` those that were
    both. Up to 20 classes the confusions are the whole matrix; that of 1,000 classes would be larger than many models.
    """

    support: tuple[int, ...] = field(name="shown")
    predicted: tuple[int, ...] = field(name="called")
    correct: tuple[int, ...] = field(name="right")
    confusions: tuple[Confusion, ...]

    def __post_init__(self) -> None:
        if not len(self.support) == len(self.predicted) == len(self.correct):
            raise ValueError("class counts: there must be as many of each kind")
        if sum(self.support) != sum(self.predicted):
            raise ValueError("class counts: as many images must be predicted as are shown")
        pairs = zip(self.correct, self.support, self.predicted, strict=True)
        if not all(0 <= correct <= min(both) for correct, *both in pairs):
            raise ValueError("class counts: no more images of a class can be correct than show it or are predicted so")
        for confusion in self.confusions:
            classes = (confusion.true, confusion.predicted)
            if not all(0 <= index < len(self.support) for index in classes) or confusion.count < 1:
                raise ValueError(f"class counts: this is no confusion of these classes: {confusion}")

    @property
    def errors(self) -> int:
        """How many images were predicted as something that they do not show."""
        return sum(self.support) - sum(self.correct)

    @property
    def is_complete(self) -> bool:
        """Whether every confusion is listed, so that the whole matrix is known."""
        return sum(confusion.count for confusion in self.confusions) == self.errors

    def recall(self, index: int) -> float | None:
        """Return the share, 0 to 1, of the images of a class that were predicted so; None if there were none."""
        return self.correct[index] / self.support[index] if self.support[index] else None

    def precision(self, index: int) -> float | None:
        """Return the share, 0 to 1, of the images predicted so that show the class; None if none was."""
        return self.correct[index] / self.predicted[index] if self.predicted[index] else None


class TrainingRecord(_Part, frozen=True, omit_defaults=True):
    """What the model was trained on, how, and how well it did on images that it was not trained on.

    `data_digest` is a SHA-256 over the names and contents of all images, in hexadecimal. `temperature` is what the
    logits are divided by inside the network; 1 leaves them as they are. `accuracy` (0 to 1), `classes` and
    `calibration_error` (expected calibration error, 0 to 1) are of the `evaluation_images`, which `evaluated_on` says
    the kind of.
    `baseline_accuracy` is that of always predicting the most frequent class. What is None is not in the JSON.
    """

    recipe: str
    dataset: str
    data_digest: str
    training_images: int
    evaluation_images: int = field(name="held_out_images")
    accuracy: float = field(name="held_out_accuracy")
    epochs: int
    seed: int
    temperature: float
    classes: ClassCounts
    evaluated_on: Literal["test", "validation", "out-of-fold"] | None = None
    baseline_accuracy: float | None = None
    calibration_error: float | None = None
    warnings: tuple[str, ...] | None = None
    backbone: str | None = None


class Parity(_Part, frozen=True):
    """The certificate that was measured before the file was written: the original network against this very graph.

    Where the file holds a variant, the original was compared with the float32 graph that it was made from.
    `reference` ran the original: `keras`, `tensorflow` (a SavedModel) or `onnx` (a plain file, on onnxruntime).
    `largest_difference` is between probabilities; `top1_agreement` is a share, 0 to 1; `data_digest` is a SHA-256
    of the pictures, in hexadecimal: of the archive of `held-out` images, of names and contents of a `folder`, of
    names and pixels of those that eyespot `made`. `versions` are those of the packages used.
    """

    reference: Reference
    origin: Origin
    images: int
    comparisons: int
    largest_difference: float
    top1_agreement: float
    tolerance: float
    data_digest: str
    versions: dict[str, str]


class Variant(_Part, frozen=True):
    """How the network in the file was made smaller, and what that cost on `images` that it was not trained on.

    It is measured against the float32 network that `parity` certifies. `scheme` is how numbers are held,
    `calibration` how their ranges were found (empty for fp16), and `float_layers` are layers that were left as
    they were because eight bits cost them too much. Accuracies and `top1_agreement` are shares, 0 to 1, the former
    None for pictures without labels; `max_drop_points` is what was allowed.
    """

    kind: Literal["int8", "fp16"]
    scheme: str
    calibration: str
    float_layers: tuple[str, ...]
    images: int
    accuracy: float | None
    float32_accuracy: float | None
    top1_agreement: float
    largest_difference: float
    max_drop_points: float

    @property
    def drop_points(self) -> float:
        """How many points of 100 the accuracy lost, negative if it gained; without labels, how many labels changed."""
        if self.accuracy is None or self.float32_accuracy is None:
            return 100 * (1 - self.top1_agreement)
        return 100 * (self.float32_accuracy - self.accuracy)


class Histogram(_Part, frozen=True):
    """`counts[i]` values lie from `edges[i]` up to `edges[i + 1]`; the outer bins hold what lies beyond as well."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError("a histogram must have one edge more than it has counts")
        if not all(lower < upper for lower, upper in pairwise(self.edges)):
            raise ValueError("a histogram's edges must rise")
        _require_counts(self.counts)

    def bin_of(self, value: float) -> int:
        """Return the bin that `value` falls into."""
        return min(max(bisect(self.edges, value) - 1, 0), len(self.counts) - 1)


class Fingerprint(_Part, frozen=True):
    """What a model was trained on, and how it answered for pictures that it was not trained on, in a few histograms.

    `size`, `brightness` and `contrast` are of the pictures that it was trained on, as they are before preprocessing;
    for a model of regions those are the crops. `confidence` counts the best probabilities of the other pictures, and
    `classes` their best labels, in the order of the labels. `edge.fingerprint` measures pictures.
    """

    size: Histogram
    brightness: Histogram
    contrast: Histogram
    confidence: Histogram
    classes: tuple[int, ...]

    def __post_init__(self) -> None:
        _require_counts(self.classes)


def _require_counts(counts: Sequence[int]) -> None:
    if not counts or min(counts) < 0 or not any(counts):
        raise ValueError(f"a fingerprint must count pictures. Received: {list(counts)!r:.60}")


class SelfTestSample(_Part, frozen=True):
    """One small picture (a PNG in base64) and the probabilities that the original network, or a variant, gave it."""

    name: str
    png: str
    probabilities: tuple[float, ...]


class SelfTest(_Part, frozen=True):
    """Samples that any device can replay, and the largest difference it may find."""

    tolerance: float
    samples: tuple[SelfTestSample, ...]

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError("a self-test needs at least one sample")


class ModelSpec(_Part, frozen=True, omit_defaults=True):
    """One model. `labels` are in the order of the network's outputs.

    An answer whose best probability is less than `reject_threshold` is unsure; None never is.
    A run folder holds a spec that has no `version`, `parity` or `self_test` yet; export fills them in. A file
    without a `variant` is what training made, in float32. A variant keeps the `fingerprint` of what it was made
    from; files of before there were fingerprints, and models that were trained elsewhere, have none: then it is not
    in the JSON.
    """

    format: int
    name: str
    version: str | None
    labels: tuple[str, ...]
    preprocessing: tuple[Step, ...]
    regions: Faces | Glyphs | None
    reject_threshold: float | None = field(name="abstain_below")
    training: TrainingRecord | None
    parity: Parity | None
    self_test: SelfTest | None
    # The JSON has the key in any case, and digests are taken of the JSON: a factory is not left out as a default is.
    variant: Variant | None = field(default_factory=lambda: None)
    fingerprint: Fingerprint | None = None

    def __post_init__(self) -> None:
        if self.format != SPEC_FORMAT:
            raise ValueError(f"format must be {SPEC_FORMAT}. Received: {self.format}")
        if not self.name.strip() or "/" in self.name:
            raise ValueError(f"name must be a word without a slash. Received: {self.name!r}")
        self._check_labels()
        if self.reject_threshold is not None and not 0 < self.reject_threshold <= 1:
            raise ValueError(f"abstain_below must be above 0 and at most 1. Received: {self.reject_threshold}")
        if not self.preprocessing:
            raise ValueError("preprocessing must have at least one step")
        for sample in self.self_test.samples if self.self_test else ():
            if len(sample.probabilities) != len(self.labels):
                raise ValueError(
                    f"self-test sample {sample.name!r} must have one probability for each of the "
                    f"{len(self.labels)} labels. Received: {len(sample.probabilities)}"
                )
        if self.training and (counted := len(self.training.classes.support)) != len(self.labels):
            raise ValueError(f"training.classes must count {len(self.labels)} labels. Received: {counted}")
        if self.fingerprint and (counted := len(self.fingerprint.classes)) != len(self.labels):
            raise ValueError(f"fingerprint.classes must count {len(self.labels)} labels. Received: {counted}")

    def _check_labels(self) -> None:
        if len(self.labels) < 2:
            raise ValueError(f"labels must be at least two. Received: {len(self.labels)}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from each other")
        if not all(label.strip() for label in self.labels):
            raise ValueError("labels must not be blank")

    def to_json(self) -> str:
        """Return the spec as one line of canonical JSON (sorted keys), the text that digests are taken of."""
        return canonical_json(self)

    def without_version(self) -> "ModelSpec":
        """Return the spec as it is digested: everything but the digest itself."""
        return msgspec.structs.replace(self, version=None)


def canonical_json(value: Any) -> str:
    """Return `value`, which may hold structs, as JSON that is the same text for the same content."""
    return json.dumps(msgspec.to_builtins(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text:.20} is not a finite number")
    return number


def parse_spec(text: str, source: str) -> ModelSpec:
    """Return the spec that `text` holds; `source` names the file in messages.

    Raises ModelError if it is not JSON, of a newer format, or breaks any rule of `ModelSpec`.
    """
    try:
        # By json: labels may be names of folders that are not UTF-8, lone surrogates that msgspec refuses to read.
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
        found = value.get("format") if isinstance(value, dict) else None
        if isinstance(found, int | float) and found > SPEC_FORMAT:
            raise ModelError(
                f"{source}: its spec has format {found:g}, this eyespot reads up to {SPEC_FORMAT}; upgrade eyespot here"
            )
        return msgspec.convert(value, ModelSpec)
    except ModelError:
        raise
    except RecursionError:
        raise ModelError(f"{source}: its spec is not valid: it is nested too deep") from None
    except (ValueError, OverflowError) as error:
        raise ModelError(f"{source}: its spec is not valid: {error}") from None
