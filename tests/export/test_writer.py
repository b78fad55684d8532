"""Stamping, self-test samples, and writing: the whole file under its name, or what was there before."""

import base64
import errno
import hashlib
import json
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from PIL import Image

from edge.errors import ParityError
from edge.spec import ModelSpec, parse_spec
from export.parity.compare import Comparison, View
from export.writer import make_self_test, stamp, write_artifact
from tests.conftest import broken_self_test

OLD = b"what was here before"


def unstamp(content: bytes) -> tuple[onnx.ModelProto, ModelSpec]:
    model = onnx.load_from_string(content)
    spec = parse_spec(model.metadata_props[0].value, "test")
    del model.metadata_props[:]
    return model, spec


def test_self_test_takes_the_first_six_small_pictures() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (10, 7, 5, 3), dtype=np.uint8)
    answers = [np.array([i / 16, 1 - i / 16], np.float32) for i in range(10)]
    views = [None if i in (0, 3) else View(str(i), pixels[i]) for i in range(10)]  # those that were too large
    test = make_self_test([Comparison(str(i), views[i], answers[i], 0.0, True) for i in range(10)])
    assert [sample.name for sample in test.samples] == ["1", "2", "4", "5", "6", "7"]
    for sample in test.samples:
        assert sample.probabilities[0] * 16 == int(sample.name)
        image = Image.open(BytesIO(base64.b64decode(sample.png)))
        assert (image.format, np.asarray(image).tolist()) == ("PNG", pixels[int(sample.name)].tolist())


def test_version_is_the_digest_of_body_and_spec(tiny_content: bytes) -> None:
    model, spec = unstamp(tiny_content)
    whole = onnx.load_from_string(tiny_content)
    onnx.checker.check_model(whole, full_check=True)
    (entry,) = whole.metadata_props
    without = json.dumps(json.loads(entry.value) | {"version": None}, sort_keys=True, separators=(",", ":"))
    body = model.SerializeToString(deterministic=True)
    assert entry.key == "eyespot"
    assert tiny_content.startswith(body)
    assert spec.version == hashlib.sha256(hashlib.sha256(body).digest() + without.encode()).hexdigest()[:16]
    assert stamp(model, replace(spec, version="0" * 16)) == (tiny_content, spec)
    assert stamp(model, replace(spec, labels=("dark", "middle", "light")))[1].version != spec.version


@pytest.fixture(params=[None, OLD], ids=["new", "over an old file"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "out" / "tiny.onnx"
    if request.param:
        path.parent.mkdir()
        path.write_bytes(request.param)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_what_is_written_is_the_content_and_nothing_else(tiny_content: bytes, path: Path) -> None:
    write_artifact(tiny_content, path)
    assert contents(path.parent) == {"tiny.onnx": tiny_content}


def test_a_file_that_fails_its_own_self_test_is_not_left(tiny_content: bytes, path: Path) -> None:
    before = contents(path.parent)
    model, spec = unstamp(tiny_content)
    wrong, _ = stamp(model, replace(spec, self_test=broken_self_test()))
    # The tiny model gives a black picture a bright of exp(-8) / (exp(4) + 1 + exp(-8)) = 6e-6, not the 1 it claims.
    with pytest.raises(ParityError, match=r"tiny\.onnx: .*dark: .*1\.0e\+00"):
        write_artifact(wrong, path)
    assert contents(path.parent) == before


# A limit on the size of files is used for the full disk: the kernel takes the first half of the file and refuses the
# rest.
HALF = "resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2,) * 2)"
WRITE = """
import os, resource, signal, sys
from pathlib import Path
import export.writer
content = Path(sys.argv[1]).read_bytes()
{before}
export.writer.write_artifact(content, Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("before", "status"),
    [
        (f"signal.signal(signal.SIGXFSZ, signal.SIG_DFL); {HALF}", -signal.SIGXFSZ),
        ("export.writer.require_self_test = lambda *_: os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        (HALF, 1),
    ],
    ids=["killed in the middle of the bytes", "killed before the name is given", "full disk"],
)
def test_an_interrupted_writer_leaves_no_half_file_under_the_name(
    tiny_model: Path, path: Path, before: str, status: int
) -> None:
    old = contents(path.parent)
    command = [sys.executable, "-B", "-c", WRITE.format(before=before), str(tiny_model), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    left = contents(path.parent)
    assert left.get(path.name) == old.get(path.name)
    others = left.keys() - old.keys()
    if status == 1:
        assert (others, f"OSError: [Errno {errno.EFBIG}]" in done.stderr) == (set(), True)
    else:  # it had begun: a hidden temporary file is what a kill leaves, and the next writing does not mind it
        (name,) = others
        assert name.startswith(".tiny.")
        write_artifact(tiny_model.read_bytes(), path)
        assert path.read_bytes() == tiny_model.read_bytes()
