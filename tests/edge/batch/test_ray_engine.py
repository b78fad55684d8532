"""Ray Data gives the rows that threads give, bad images, archives and names that are no text included."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from edge.cli import SOME_FAILED
from tests.conftest import Run
from tests.edge.artifacts import written
from tests.edge.batch.conftest import grey

# Starting Ray takes ten seconds by itself.
pytestmark = pytest.mark.slow


def test_both_engines_write_the_same_rows(batch: Callable[..., int], eyespot: Run) -> None:
    written(Path(os.fsdecode(b"images/gr\xfcn.png")), grey(10))
    Path("list.txt").write_text("".join(f"images/{i % 8}.png\n" for i in range(200)) + "none.png\n")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("in.png", grey(128))
        archive.writestr("b.zip", b"inner")
    sources = ["images", "list.txt", "a.zip"]
    assert batch(*sources, "--output", "threads.parquet", "--quiet") == SOME_FAILED
    done = eyespot("batch", "tiny.onnx", *sources, "--output", "ray.parquet", "--engine", "ray", "--threads", "2")
    assert done.returncode == SOME_FAILED
    assert done.stderr.splitlines()[-1] == "eyespot: ray.parquet: 212 inputs: 158 classified, 54 failed"
    assert pq.read_table("ray.parquet").equals(pq.read_table("threads.parquet"))
