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
from export.parity.compare import View, compare
from export.writer import encode_png, make_self_test, stamp, write_artifact
from tests.conftest import broken_self_test

OLD = b"what was here before"


def unstamp(content: bytes) -> tuple[onnx.ModelProto, ModelSpec]:
    model = onnx.load_from_string(content)
    spec = parse_spec(model.metadata_props[0].value, "test")
    del model.metadata_props[:]
    return model, spec


def test_png_is_what_pillow_reads() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    image = Image.open(BytesIO(base64.b64decode(encode_png(pixels))))
    assert image.format == "PNG"
    assert np.array_equal(np.asarray(image), pixels)


def test_self_test_takes_the_first_six_small_pictures() -> None:
    sizes = [(300, 2), (256, 256), (2, 257), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6)]
    answers = [np.array([i / 16, 1 - i / 16], np.float32) for i in range(len(sizes))]
    views = [View(f"{h}x{w}", np.full((h, w, 3), h % 256, np.uint8)) for h, w in sizes]
    answer_of = dict(zip([h * 1000 + w for h, w in sizes], answers, strict=True))

    def answer(images: np.ndarray) -> np.ndarray:
        return answer_of[images.shape[1] * 1000 + images.shape[2]][None]

    comparisons = list(compare(views, preprocessing=answer, reference=lambda arrays: arrays, onnx=answer))
    # Large pictures are let go of as soon as they were compared; thousands of photographs would fill the memory.
    assert [c.name for c in comparisons if c.view is None] == ["300x2", "2x257"]
    samples = make_self_test(comparisons).samples
    assert [sample.name for sample in samples] == ["256x256", "1x1", "2x2", "3x3", "4x4", "5x5"]
    assert [sample.probabilities[0] * 16 for sample in samples] == [1, 3, 4, 5, 6, 7]
    assert Image.open(BytesIO(base64.b64decode(samples[2].png))).getpixel((0, 0)) == (2, 2, 2)


def test_version_is_the_digest_of_body_and_spec(tiny_content: bytes) -> None:
    model, spec = unstamp(tiny_content)
    text = onnx.load_from_string(tiny_content).metadata_props[0].value
    without = json.dumps(json.loads(text) | {"version": None}, sort_keys=True, separators=(",", ":"))
    body = model.SerializeToString(deterministic=True)
    assert tiny_content.startswith(body)
    assert spec.version == hashlib.sha256(hashlib.sha256(body).digest() + without.encode()).hexdigest()[:16]


def test_the_same_model_and_spec_give_the_same_bytes(tiny_content: bytes) -> None:
    model, spec = unstamp(tiny_content)
    content, stamped = stamp(model, spec)
    assert content == tiny_content
    assert stamped == spec
    assert stamp(model, replace(spec, version="0" * 16))[0] == tiny_content


@pytest.mark.parametrize("change", [{"name": "other"}, {"labels": ("dark", "middle", "light")}], ids=str)
def test_another_spec_gives_another_version(tiny_content: bytes, change: dict[str, object]) -> None:
    model, spec = unstamp(tiny_content)
    assert stamp(model, replace(spec, **change))[1].version != spec.version


def test_stamped_file_is_a_valid_model_with_one_entry(tiny_content: bytes) -> None:
    model = onnx.load_from_string(tiny_content)
    onnx.checker.check_model(model, full_check=True)
    assert [entry.key for entry in model.metadata_props] == ["eyespot"]


@pytest.mark.parametrize("old", [None, OLD], ids=["new", "over an old file"])
def test_what_is_written_is_the_content_and_nothing_else(
    tiny_content: bytes, tmp_path: Path, old: bytes | None
) -> None:
    path = prepare(tmp_path, old)
    write_artifact(tiny_content, path)
    assert contents(path.parent) == {"tiny.onnx": tiny_content}


@pytest.mark.parametrize("old", [None, OLD], ids=["new", "over an old file"])
def test_a_file_that_fails_its_own_self_test_is_not_left(
    tiny_content: bytes, tmp_path: Path, old: bytes | None
) -> None:
    path = prepare(tmp_path, old)
    model, spec = unstamp(tiny_content)
    wrong, _ = stamp(model, replace(spec, self_test=broken_self_test()))
    # The tiny model gives a black picture a bright of exp(-8) / (exp(4) + 1 + exp(-8)) = 6e-6, not the 1 it claims.
    with pytest.raises(ParityError, match=r"tiny\.onnx: .*dark: .*1\.0e\+00"):
        write_artifact(wrong, path)
    assert contents(path.parent) == ({path.name: OLD} if old else {})


def prepare(folder: Path, old: bytes | None) -> Path:
    path = folder / "out" / "tiny.onnx"
    if old is not None:
        path.parent.mkdir()
        path.write_bytes(old)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# A limit on the size of files stands for the full disk, which a test may not make: the kernel takes the first
# half of the file and refuses the rest.
HALF = "resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2,) * 2)"
WRITE = """
import os, resource, signal, sys
from pathlib import Path
import export.writer
content = Path(sys.argv[1]).read_bytes()
{before}
export.writer.write_artifact(content, Path(sys.argv[2]))
"""


def write_in_a_process(model: Path, path: Path, before: str) -> "subprocess.CompletedProcess[str]":
    script = WRITE.format(before=before)
    command = [sys.executable, "-B", "-c", script, str(model), str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("old", [pytest.param(None, marks=pytest.mark.slow), OLD], ids=["new", "over an old file"])
@pytest.mark.parametrize(
    ("before", "killer"),
    [
        (f"signal.signal(signal.SIGXFSZ, signal.SIG_DFL); {HALF}", signal.SIGXFSZ),
        ("export.writer.require_self_test = lambda *_: os.kill(os.getpid(), signal.SIGKILL)", signal.SIGKILL),
    ],
    ids=["in the middle of the bytes", "before the name is given"],
)
def test_a_killed_writer_leaves_no_half_file_under_the_name(
    tiny_model: Path, tmp_path: Path, old: bytes | None, before: str, killer: signal.Signals
) -> None:
    path = prepare(tmp_path, old)
    done = write_in_a_process(tiny_model, path, before)
    assert done.returncode == -killer, done.stderr
    left = contents(path.parent)
    assert left.pop(path.name, None) == old
    # It had begun: a hidden temporary file is what a kill leaves, and the next writing does not mind it.
    assert all(name.startswith(".tiny.") and ".partial" in name for name in left)
    assert len(left) == 1
    write_artifact(tiny_model.read_bytes(), path)
    assert path.read_bytes() == tiny_model.read_bytes()


@pytest.mark.parametrize("old", [pytest.param(None, marks=pytest.mark.slow), OLD], ids=["new", "over an old file"])
def test_a_full_disk_leaves_nothing_behind(tiny_model: Path, tmp_path: Path, old: bytes | None) -> None:
    path = prepare(tmp_path, old)
    done = write_in_a_process(tiny_model, path, HALF)
    assert done.returncode == 1
    assert f"OSError: [Errno {errno.EFBIG}]" in done.stderr
    assert contents(path.parent) == ({path.name: OLD} if old else {})
