"""The best is the fastest that may be chosen; of those as fast, the more exact and the humbler."""

from pathlib import Path

import pytest

from edge.spec import ModelSpec, parse_spec
from edge.tune.choose import eligible, fastest
from edge.tune.configuration import Configuration
from edge.tune.contest import Contender
from edge.tune.measure import Turn
from tests.edge.artifacts import entry_of
from tests.edge.tune.networks import VARIANT, float32, int8

M, M8 = Path("m"), Path("m8")


@pytest.fixture
def specs(tiny_content: bytes) -> dict[Path, ModelSpec]:
    return {path: parse_spec(entry_of(make(tiny_content)), "it") for path, make in ((M, float32), (M8, int8))}


def contender(path: Path, threads: int, spinning: bool, ms: float, failure: str | None = None) -> Contender:
    return Contender(Configuration(path, threads, spinning), [Turn((ms / 1e3,), 1)], failure)


@pytest.mark.parametrize(
    ("best", "others"),
    [
        ((M8, 2, True, 1.0), [(M, 1, True, 1.04), (M8, 1, True, 1.1)]),
        ((M, 2, True, 1.03), [(M8, 1, True, 1.0), (M, 1, True, 2.0)]),  # as fast, and more exact
        ((M8, 1, True, 1.02), [(M8, 2, False, 1.0), (M8, 2, True, 1.01)]),  # as fast with fewer threads
        ((M8, 2, False, 1.02), [(M8, 2, True, 1.0)]),  # as fast, and idle between images
    ],
)
def test_the_best(specs: dict[Path, ModelSpec], best: tuple, others: list[tuple]) -> None:  # type: ignore[type-arg]
    contenders = [contender(*told) for told in (*others, best)]
    assert fastest(contenders, specs).configuration == Configuration(*best[:3])


def test_what_failed_or_is_worse_than_it_may_be_is_not_eligible(
    specs: dict[Path, ModelSpec], tiny_content: bytes
) -> None:
    ran, failed, other = contender(M, 1, True, 1), contender(M, 2, True, 1, "died"), contender(M8, 1, True, 1)
    assert eligible([ran, failed, other], specs) == [ran, other]
    worse = parse_spec(
        entry_of(int8(tiny_content, variant=VARIANT.__class__(**vars(VARIANT) | {"accuracy": 0.9}))), "it"
    )
    assert eligible([ran, failed, other], specs | {M8: worse}) == [ran]


def test_a_file_alone_needs_no_certificate_unless_it_is_a_variant(tiny_content: bytes) -> None:
    for make, good in ((float32, True), (int8, False)):
        spec = parse_spec(entry_of(make(tiny_content, parity=None)), "it")
        assert bool(eligible([contender(M, 1, True, 1)], {M: spec})) == good
