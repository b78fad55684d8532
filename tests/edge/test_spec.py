"""The spec as JSON, and every rule that it must keep."""

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.class_counts import ClassCounts, Confusion
from edge.errors import ModelError
from edge.fingerprint import Fingerprint, Histogram
from edge.spec import Faces, Glyphs, ModelSpec, Parity, SelfTest, SelfTestSample, TrainingRecord, Variant, parse_spec
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
    abstain_below=0.75,
    training=TrainingRecord("lenet", "digits", "ab12", 1347, 450, 0.99, 40, 0, 1.25, COUNTS),
    parity=Parity("keras", "held-out", 450, 1350, 1e-7, 1.0, 1e-5, "cd34", {"keras": "3.15.0"}),
    self_test=SelfTest(1e-4, (SelfTestSample("one", "iVBORw0KGgo=", (0.5, 0.25, 0.25)),)),
    fingerprint=Fingerprint(BINS, BINS, BINS, BINS, (9, 0, 3)),
    variant=Variant("int8", "U8S8", "entropy", ("network/1_Conv",), 450, 0.75, 0.875, 0.5, 0.25, 12.5),
)
# Written by hand: what stands in the artifact must stay what older and newer devices read.
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


def refusal(text: str) -> str:
    with pytest.raises(ModelError) as caught:
        parse_spec(text, "m.onnx")
    message = str(caught.value)
    assert message.startswith("m.onnx: its spec ")
    assert "\n" not in message
    return message


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


def test_every_field_arrives_where_it_belongs() -> None:
    assert parse_spec(json.dumps(AS_JSON), "m.onnx") == SPEC
    assert parse_spec(json.dumps(AS_JSON | {"regions": {"kind": "faces"}}), "m.onnx").regions == Faces()


def test_the_drop_of_a_variant_is_in_points() -> None:
    assert SPEC.variant is not None
    assert SPEC.variant.drop_points == 12.5
    with pytest.raises(ModelError, match=r"spec\.variant\.kind must be one of 'int8', 'fp16'\. Received: 'int4'"):
        parse_spec(json.dumps(AS_JSON | {"variant": AS_JSON["variant"] | {"kind": "int4"}}), "m.onnx")


def test_without_version_all_else_stays() -> None:
    assert json.loads(SPEC.without_version().to_json()) == AS_JSON | {"version": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 0}, "format must be 1. Received: 0"),
        ({"name": " "}, "name must be a word without a slash. Received: ' '"),
        ({"name": "a/b"}, "name must be a word without a slash. Received: 'a/b'"),
        ({"labels": ["one"]}, "labels must be at least two. Received: 1"),
        ({"labels": ["one", "one", "two"]}, "labels must differ from each other"),
        ({"labels": ["one", " ", "two"]}, "labels must not be blank"),
        ({"preprocessing": []}, "preprocessing must have at least one step"),
        ({"regions": {"kind": "glyphs", "count": 0}}, "glyphs: count must be at least 1. Received: 0"),
        ({"self_test": {"tolerance": 1e-4, "samples": []}}, "a self-test needs at least one sample"),
        (
            {"labels": ["one", "two"]},
            "self-test sample 'one' must have one probability for each of the 2 labels. Received: 3",
        ),
        ({"labels": ["one", "two"], "self_test": None}, "training.classes must count 2 labels. Received: 3"),
        ({"colour": "red"}, "spec has the unknown key 'colour'; known are format, name, version"),
        ({"format": "1"}, "spec.format must be of type int. Received: '1'"),
        ({"format": True}, "spec.format must be of type int. Received: True"),
        ({"labels": "abc"}, "spec.labels must be of type list. Received: 'abc'"),
        ({"preprocessing": [{"kind": "blur"}]}, "spec.preprocessing[0].kind must be one of resize, resize_side, "),
        ({"preprocessing": [{"kind": []}]}, "spec.preprocessing[0].kind must be one of resize, resize_side, "),
        ({"preprocessing": [{"kind": "scale", "factor": 0}]}, "scale: factor must not be 0"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:30],
)
def test_a_broken_rule_is_named(change: dict[str, Any], message: str) -> None:
    assert refusal(json.dumps(AS_JSON | change)).startswith(f"m.onnx: its spec is not valid: {message}")


def test_a_spec_made_in_a_program_keeps_the_same_rules() -> None:
    with pytest.raises(ValueError, match="labels must differ"):
        replace(SPEC, labels=("one", "one", "two"))


@pytest.mark.parametrize("found", ["2", "2.5", "17", "1" + "0" * 400, "1" + "0" * 4000], ids=lambda text: text[:5])
def test_a_newer_format_is_named_before_anything_else(found: str) -> None:
    message = refusal(f'{{"format": {found}, "something": "new"}}')
    assert message.startswith("m.onnx: its spec has format ")
    assert message.endswith("this eyespot reads up to 1; upgrade eyespot here")


@pytest.mark.parametrize("found", ["NaN", "Infinity", "1e999"])
def test_a_format_that_is_no_number_is_refused(found: str) -> None:
    refusal(json.dumps(BARE).replace('"format": 1', f'"format": {found}'))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 400], ids=lambda text: text[:8])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    text = json.dumps(AS_JSON).replace('"factor": 0.5', f'"factor": {number}')
    assert "spec.preprocessing[2].factor must be a finite number" in refusal(text)


@pytest.mark.parametrize(
    "text",
    ["", "not JSON", "{", '{"format": 1,}', "\ufeff{}", '"\ud800', "[" * 100_000, "1" * 5000],
    ids=lambda t: t[:9],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    assert refusal(text).startswith("m.onnx: its spec is not valid")


@pytest.mark.parametrize("text", ["null", "1", "[]", '"spec"', "true"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    assert refusal(text).startswith("m.onnx: its spec is not valid: spec must be of type dict")


def test_nesting_of_any_depth_is_refused_and_nothing_else() -> None:
    # Somewhere below Python's limit of 1,000 it can be read but not shown.
    for depth in range(800, 1000, 3):
        refusal('{"format": 1, "name": ' + "[" * depth + "]" * depth + "}")
    for depth in range(800, 1000, 3):
        refusal(json.dumps(BARE).replace('"digits"', "[" * depth + "]" * depth))
