"""Ray Data gives the rows that threads give: regions, bad images, archives and names that are no text included."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from edge.arguments import NOTHING_DONE, SOME_FAILED
from tests.conftest import Run
from tests.edge.artifacts import written
from tests.edge.pictures import grey, png
from tests.edge.regions.photographs import photograph

# Starting Ray takes ten seconds by itself.
pytestmark = pytest.mark.slow


def test_both_engines_write_the_same_rows(batch: Callable[..., int], eyespot: Run) -> None:
    written(Path(os.fsdecode(b"images/gr\xfcn.png")), grey(10))
    Path("list.txt").write_text("".join(f"images/{i % 8}.png\n" for i in range(200)) + "none.png\n")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("in.png", grey(128))
        archive.writestr("b.zip", b"inner")
    written(Path("images/face.png"), png(photograph("astronaut.png")))
    arguments = ["images", "list.txt", "a.zip", "--regions", "faces", "--min-probability", "0.999"]
    assert batch(*arguments, "--output", "threads.parquet", "--quiet") == SOME_FAILED
    done = eyespot("batch", "tiny.onnx", *arguments, "--output", "ray.parquet", "--engine", "ray", "--threads", "2")
    assert done.returncode == SOME_FAILED
    assert done.stderr.splitlines()[-1] == (
        "eyespot: ray.parquet: 213 inputs: 159 classified (1 unsure), 54 failed; 1 region, 158 images without"
    )
    assert pq.read_table("ray.parquet").equals(pq.read_table("threads.parquet"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:notaport", "http://127.0.0.1:8265"])
def test_an_address_that_cannot_be_is_one_line(
    batch: Callable[..., int], address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("images", "--output", "r.jsonl", "--engine", "ray", "--ray-address", address)
    assert batch(*arguments) == NOTHING_DONE
    err = capsys.readouterr().err
    assert err.startswith("eyespot: --ray-address")
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == ["images", "tiny.onnx"]
