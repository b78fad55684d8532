"""The spec as JSON, and every rule that it must keep."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from edge.errors import ModelError
from edge.spec import (
    ClassCounts,
    Confusion,
    Fingerprint,
    Glyphs,
    Histogram,
    ModelSpec,
    Parity,
    SelfTest,
    SelfTestSample,
    TrainingRecord,
    Variant,
    parse_spec,
)
from edge.steps import Grey, Resize, Scale

COUNTS = ClassCounts((150, 150, 150), (147, 153, 150), (147, 150, 150), (Confusion(0, 1, 3),))
BINS = Histogram((0.0, 1.5, 4.0), (7, 2))
BINS_AS_JSON = {"edges": [0.0, 1.5, 4.0], "counts": [7, 2]}
SPEC = ModelSpec(
    format=1,
    name="digits",
    version="0123456789abcdef",
    labels=("null", "eins", "zwei ½"),
    preprocessing=(Resize(28, 28, "antialias"), Grey(), Scale(0.5)),
    regions=Glyphs(4),
    reject_threshold=0.75,
    training=TrainingRecord("lenet", "digits", "ab12", 1347, 450, 0.99, 40, 0, 1.25, COUNTS),
    parity=Parity("keras", "held-out", 450, 1350, 1e-7, 1.0, 1e-5, "cd34", {"keras": "3.15.0"}),
    self_test=SelfTest(1e-4, (SelfTestSample("one", "iVBORw0KGgo=", (0.5, 0.25, 0.25)),)),
    fingerprint=Fingerprint(BINS, BINS, BINS, BINS, (9, 0, 3)),
    variant=Variant("int8", "U8S8", "entropy", ("network/1_Conv",), 450, 0.75, 0.875, 0.5, 0.25, 12.5),
)
# Written by hand: older and newer devices must read the same JSON.
AS_JSON: dict[str, Any] = {
    "format": 1,
    "name": "digits",
    "version": "0123456789abcdef",
    "labels": ["null", "eins", "zwei ½"],
    "preprocessing": [
        {"kind": "resize", "height": 28, "width": 28, "method": "antialias"},
        {"kind": "grey"},
        {"kind": "scale", "factor": 0.5},
    ],
    "regions": {"kind": "glyphs", "count": 4},
    "abstain_below": 0.75,
    "training": {
        "recipe": "lenet",
        "dataset": "digits",
        "data_digest": "ab12",
        "training_images": 1347,
        "held_out_images": 450,
        "held_out_accuracy": 0.99,
        "epochs": 40,
        "seed": 0,
        "temperature": 1.25,
        "classes": {
            "shown": [150, 150, 150],
            "called": [147, 153, 150],
            "right": [147, 150, 150],
            "confusions": [{"true": 0, "predicted": 1, "count": 3}],
        },
    },
    "parity": {
        "reference": "keras",
        "origin": "held-out",
        "images": 450,
        "comparisons": 1350,
        "largest_difference": 1e-7,
        "top1_agreement": 1.0,
        "tolerance": 1e-5,
        "data_digest": "cd34",
        "versions": {"keras": "3.15.0"},
    },
    "self_test": {
        "tolerance": 1e-4,
        "samples": [{"name": "one", "png": "iVBORw0KGgo=", "probabilities": [0.5, 0.25, 0.25]}],
    },
    "variant": {
        "kind": "int8",
        "scheme": "U8S8",
        "calibration": "entropy",
        "float_layers": ["network/1_Conv"],
        "images": 450,
        "accuracy": 0.75,
        "float32_accuracy": 0.875,
        "top1_agreement": 0.5,
        "largest_difference": 0.25,
        "max_drop_points": 12.5,
    },
    "fingerprint": dict.fromkeys(("size", "brightness", "contrast", "confidence"), BINS_AS_JSON)
    | {"classes": [9, 0, 3]},
}
# As files of before there were fingerprints have it, whose text must stay the same.
BARE: dict[str, Any] = {key: value for key, value in AS_JSON.items() if key != "fingerprint"} | {
    "version": None,
    "regions": None,
    "abstain_below": None,
    "training": None,
    "parity": None,
    "self_test": None,
    "variant": None,
}


def refusal(text: str, remedy: str = ".") -> None:
    with pytest.raises(ModelError, match=remedy) as caught:
        parse_spec(text, "m.onnx")
    assert str(caught.value).startswith("m.onnx: ")
    assert "\n" not in str(caught.value)


def test_the_json_is_the_canonical_text_of_its_content() -> None:
    assert json.loads(SPEC.to_json()) == AS_JSON
    assert SPEC.to_json() == json.dumps(AS_JSON, sort_keys=True, separators=(",", ":"))
    assert SPEC.to_json().isascii()


@pytest.mark.parametrize(
    "value", [AS_JSON, BARE, AS_JSON | {"regions": {"kind": "faces"}}], ids=["full", "bare", "faces"]
)
def test_what_is_written_is_read_as_it_was(value: dict[str, Any]) -> None:
    spec = parse_spec(json.dumps(value, indent=3), "m.onnx")
    assert json.loads(spec.to_json()) == value
    assert parse_spec(spec.to_json(), "m.onnx") == spec


@pytest.mark.parametrize(
    "change",
    [
        {"format": 0},
        {"name": " "},
        {"name": "a/b"},
        {"labels": ["one"]},
        {"labels": ["one", "one", "two"]},
        {"labels": ["one", " ", "two"]},
        {"preprocessing": []},
        {"regions": {"kind": "glyphs", "count": 0}},
        {"self_test": {"tolerance": 1e-4, "samples": []}},
        {"labels": ["one", "two"]},
        {"labels": ["one", "two"], "self_test": None},
        {"colour": "red"},
        {"format": "1"},
        {"format": True},
        {"labels": "abc"},
        {"preprocessing": [{"kind": "blur"}]},
        {"preprocessing": [{"kind": []}]},
        {"preprocessing": [{"kind": "scale", "factor": 0}]},
        {"preprocessing": [{"kind": "grey", "level": 3}]},
        {"training": AS_JSON["training"] | {"held_out_images": None}},
        {"training": AS_JSON["training"] | {"evaluated_on": "train"}},
        {"variant": AS_JSON["variant"] | {"kind": "int4"}},
    ],
    ids=str,
)
def test_a_spec_that_breaks_a_rule_is_refused(change: dict[str, Any]) -> None:
    refusal(json.dumps(AS_JSON | change))


@pytest.mark.parametrize("key", [key for key in AS_JSON if key not in ("variant", "fingerprint")])
def test_a_key_that_is_missing_is_missed(key: str) -> None:
    refusal(json.dumps({name: value for name, value in AS_JSON.items() if name != key}))


def test_what_a_training_says_since_later_is_in_the_json_only_where_it_is_known() -> None:
    assert SPEC.training is not None
    later = {
        "evaluated_on": "out-of-fold",
        "baseline_accuracy": 0.25,
        "calibration_error": 0.03,
        "warnings": ["few pictures"],
        "backbone": "efficientnet-lite0",
    }
    spec = parse_spec(json.dumps(AS_JSON | {"training": AS_JSON["training"] | later}), "m.onnx")
    assert json.loads(spec.to_json())["training"] == AS_JSON["training"] | later
    assert spec.training == replace(SPEC.training, **later | {"warnings": ("few pictures",)})


@pytest.mark.parametrize("found", ["2", "2.5", "17"])
def test_a_newer_format_is_named_before_anything_else(found: str) -> None:
    refusal(f'{{"format": {found}, "something": "new"}}', "upgrade eyespot")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 400], ids=lambda text: text[:8])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    refusal(json.dumps(AS_JSON).replace('"factor": 0.5', f'"factor": {number}'))


@pytest.mark.parametrize(
    "text",
    ["", "not JSON", "{", '{"format": 1,}', "\ufeff{}", '"\ud800', "[" * 100_000, "1" * 5000],
    ids=lambda t: t[:9],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    refusal(text)


def test_nesting_of_any_depth_is_refused_and_nothing_else() -> None:
    # Somewhere below Python's limit of 1,000 it can be read but not shown.
    for depth in range(800, 1000, 3):
        refusal('{"format": 1, "name": ' + "[" * depth + "]" * depth + "}")
    for depth in range(800, 1000, 3):
        refusal(json.dumps(BARE).replace('"digits"', "[" * depth + "]" * depth))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClassCounts((1, 1), (1, 1, 0), (1, 1), ()),
        lambda: ClassCounts((1, 1), (1, 2), (1, 1), ()),
        lambda: ClassCounts((1, 2), (2, 1), (2, 0), ()),
        lambda: ClassCounts((1, 2), (2, 1), (-1, 1), ()),
        lambda: ClassCounts((1, 1), (2, 0), (1, 0), (Confusion(1, 2, 1),)),
        lambda: Confusion(1, 0, 0),
        lambda: Confusion(-1, 0, 1),
        lambda: Histogram((0.0, 1.0), ()),
        lambda: Histogram((0.0, 0.0), (1,)),
        lambda: Histogram((0.0, 1.0), (0,)),
        lambda: SelfTest(1e-4, ()),
        lambda: replace(SPEC, labels=("one", "one", "two")),
    ],
)
def test_what_contradicts_itself_is_refused_when_it_is_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


def test_a_label_may_be_the_name_of_a_folder_that_is_no_text() -> None:
    labels = ("\udcff", "eins", "zwei")
    assert parse_spec(replace(SPEC, labels=labels).to_json(), "m.onnx").labels == labels
