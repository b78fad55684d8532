"""`info`, `verify`, `classify` and `batch` on the Pi and here: the same answers, float and int8.

The best label is always the same. The tolerances, on any probability: float32 sums come out of other SIMD instructions
in another order, which is within the limit that every export keeps (1e-5; found here: 2e-6). In eight bits integers
add up alike, but a value that is rounded after a layer may fall to the next level, for which the limit in the file
allows (5e-2); that is rare, so nine pictures of ten must be as close as in float32 (found here: all, 2e-7).
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edge.model import read_spec
from tests.arm64.device import Pi
from tests.arm64.root import OLDEST, PINNED
from tests.conftest import Run

pytestmark = [pytest.mark.arm64, pytest.mark.slow]

both_sets = pytest.mark.parametrize("packages", [PINNED, OLDEST])
BROKEN = {"broken-cut.jpg": "corrupt", "broken-empty.png": "empty", "broken-text.png": "not_an_image"}
FLOAT_TOLERANCE = 1e-5

Record = dict[str, Any]


def records(text: str) -> list[Record]:
    return [json.loads(line) for line in text.splitlines()]


def require_same(here: list[Record], there: list[Record], artifact: Path) -> None:
    """Broken files have their codes, some answers are in doubt, and all are those from here within the tolerance."""
    spec = read_spec(artifact)
    tolerance = spec.self_test.tolerance if spec.variant and spec.self_test else FLOAT_TOLERANCE
    assert {Path(r["path"]).name: r["error"]["code"] for r in there if r["error"]} == BROKEN
    # Only answers far from 0 and 1 show what the arithmetic did.
    assert sum(0.2 < p["probability"] < 0.8 for record in there for p in record["predictions"]) >= 4
    differences = []
    for ours, theirs in zip(here, there, strict=True):
        mine, its = ours.pop("predictions"), theirs.pop("predictions")
        assert theirs == ours
        assert bool(its) != bool(theirs["error"])
        assert [p["label"] for p in its[:1]] == [p["label"] for p in mine[:1]], ours["path"]
        expected, found = ({p["label"]: p["probability"] for p in predictions} for predictions in (mine, its))
        assert found.keys() == expected.keys()
        apart = [abs(found[label] - probability) for label, probability in expected.items()]
        differences.append((max(apart, default=0.0), ours["path"]))
    assert max(differences)[0] <= tolerance, max(differences)
    assert sum(difference <= FLOAT_TOLERANCE for difference, _ in differences) >= 0.9 * len(differences)


def test_info_reads_the_same(pi: Pi, eyespot: Run, artifact: Path) -> None:
    here, there = eyespot("info", artifact), pi.eyespot("info", artifact)
    assert (there.returncode, there.stdout) == (0, here.stdout), there.stderr


@both_sets
def test_verify_passes(pi: Pi, artifact: Path, packages: str) -> None:
    there = pi.eyespot("verify", artifact, "--json", packages=packages)
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout)["passed"] is True


@both_sets
def test_classify_answers_the_same(pi: Pi, eyespot: Run, artifact: Path, pictures: Path, packages: str) -> None:
    command = ("classify", artifact, pictures, "--json", "--top-k", 10)
    here, there = eyespot(*command), pi.eyespot(*command, packages=packages)
    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    require_same(records(here.stdout), records(there.stdout), artifact)


@both_sets
def test_batch_writes_the_same_rows(
    pi: Pi, eyespot: Run, artifact: Path, pictures: Path, tmp_path: Path, packages: str
) -> None:
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(pictures / "large.jpg", "first.jpg")
        archive.write(pictures / "native-00.png", "second.png")
    command = ("batch", artifact, pictures, tmp_path / "more.zip", "--top-k", 10, "--quiet", "--output")
    here = eyespot(*command, tmp_path / "here.jsonl")
    there = pi.eyespot(*command, tmp_path / "there.jsonl", packages=packages)
    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    ours, theirs = (records((tmp_path / f"{name}.jsonl").read_text()) for name in ("here", "there"))
    assert len(theirs) == len(list(pictures.iterdir())) + 2
    require_same(ours, theirs, artifact)
