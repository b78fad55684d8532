"""Turns in processes of their own: what they add up to, memory that is not the parent's, and failures."""

from pathlib import Path

import numpy as np
import pytest

from edge.tune.configuration import Configuration
from edge.tune.contest import Contender, hold_contest
from edge.tune.measure import Turn
from tests.conftest import broken_self_test
from tests.edge.artifacts import restamped, written

MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.tune.contest.TURN_S", 0.01)


def contest(path: Path, image: Path | None = None) -> Contender:
    (contender,) = hold_contest([Configuration(path, 1, True)], 1, image, lambda *_: None)
    return contender


def test_figures_are_those_of_numpy() -> None:
    random = np.random.default_rng(0)
    turns = [tuple(random.lognormal(-5, 1, count).tolist()) for count in (7, 101, 30)]
    contender = Contender(Configuration(Path("m"), 1, True), [Turn(turn, 5 - i) for i, turn in enumerate(turns)])
    assert contender.median_s == np.median([np.median(turn) for turn in turns])
    assert contender.p95_s == np.quantile(np.concatenate(turns), 0.95, method="inverted_cdf")
    assert contender.peak_bytes == 5


@pytest.mark.slow
def test_a_turn_has_its_own_memory_and_its_own_modules(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the 400 MB of this process nor a file of the user's by the name of a module gets into it."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "numpy.py", b"raise SystemExit('not this one')")
    ballast = np.ones(400 * MEBIBYTE, np.uint8)
    contender = contest(tiny_model)
    assert ballast.all()
    assert contender.failure is None
    assert len(contender.turns[0].seconds) >= 3
    assert 20 * MEBIBYTE < contender.peak_bytes < 300 * MEBIBYTE


def test_a_model_that_is_wrong_here_is_a_failure(tiny_model: Path, tiny_content: bytes) -> None:
    written(tiny_model, restamped(tiny_content, self_test=broken_self_test()))
    assert "it does not answer here as the original network did" in (contest(tiny_model).failure or "")


def test_a_process_that_dies_is_a_failure(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/none")
    assert (contest(tiny_model).failure or "").startswith("its process ended with status 1 (")


def test_turns_go_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [Configuration(Path(name), 1, True) for name in "abc"]
    order, seen = [], []

    def take_turn(contender: Contender, image: Path | None) -> None:
        order.append(contender.configuration.path.name)
        if order == ["a", "b"]:
            contender.failure = "out of memory"

    monkeypatch.setattr("edge.tune.contest._take_turn", take_turn)
    contenders = hold_contest(ways, 3, None, lambda *progress: seen.append(progress))
    assert "".join(order) == "abc" + "ca" + "ac"
    assert seen == [(turn, 9) for turn in range(10)]
    assert [contender.failure for contender in contenders] == [None, "out of memory", None]
