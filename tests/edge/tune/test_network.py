"""Which files are one network, and which may stand in for another."""

from dataclasses import replace

import pytest

from edge.spec import ModelSpec, Variant, parse_spec
from edge.tune.network import accuracy, identity, precision, refusal
from tests.edge.artifacts import entry_of
from tests.edge.tune.networks import PARITY, TRAINING, VARIANT, float32, int8


@pytest.fixture
def specs(tiny_content: bytes) -> tuple[ModelSpec, ModelSpec]:
    first, second = (parse_spec(entry_of(make(tiny_content)), "it") for make in (float32, int8))
    return first, second


def test_variants_share_the_identity_and_other_trainings_do_not(specs: tuple[ModelSpec, ModelSpec]) -> None:
    one, other = specs
    assert one.version != other.version
    assert identity(one) == identity(other) == identity(replace(one, parity=replace(PARITY, tolerance=0.5)))
    changes = (
        {"name": "another"},
        {"labels": ("dark", "grey", "bright")},
        {"training": replace(TRAINING, seed=1)},
        {"training": replace(TRAINING, held_out_accuracy=0.98)},
        {"abstain_below": 0.5},
        {"preprocessing": one.preprocessing[:2]},
    )
    assert len({identity(one), *(identity(replace(one, **change)) for change in changes)}) == len(changes) + 1


def test_the_certificate_says_how_good_and_in_which_numbers(specs: tuple[ModelSpec, ModelSpec]) -> None:
    assert [(precision(spec), accuracy(spec)) for spec in specs] == [("float32", 0.99), ("int8", 0.986)]
    assert accuracy(replace(specs[0], training=None)) is None


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        (VARIANT, None),
        (replace(VARIANT, accuracy=0.995), None),
        (replace(VARIANT, accuracy=0.984), "loses 0.60 points of accuracy, limit 0.5"),
        (replace(VARIANT, accuracy=0.5, max_drop_points=49.0), None),
    ],
)
def test_a_variant_stands_in_as_far_as_its_certificate_goes(
    specs: tuple[ModelSpec, ModelSpec], variant: Variant, reason: str | None
) -> None:
    assert refusal(replace(specs[1], variant=variant)) == reason


def test_without_a_certificate_nothing_stands_in(specs: tuple[ModelSpec, ModelSpec]) -> None:
    assert [refusal(spec) for spec in specs] == [None, None]
    assert [refusal(replace(spec, parity=None)) for spec in specs] == ["no certificate"] * 2
