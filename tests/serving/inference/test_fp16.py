"""The fp16 file beside a float32 model, as an option on a GPU. A processor plays the GPU here."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.model import read_spec
from edge.spec import ClassCounts, TrainingRecord, Variant
from serving.inference import sessions
from serving.inference.repository import Repository
from serving.settings import Settings
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.serving.conftest import encode_png

COUNTS = ClassCounts((1, 1, 1), (1, 1, 1), (1, 1, 1), ())
TRAINING = TrainingRecord("tiny", "levels", "ab", 9, 3, 1.0, 1, 1, 1.0, COUNTS)
FP16 = Variant("fp16", "fp16", "", (), 3, 1.0, 1.0, 1.0, 0.0, 0.5)


@pytest.fixture
def plain(tiny_content: bytes, tmp_path: Path) -> Path:
    return written(tmp_path / "flowers.onnx", restamped(tiny_content, training=TRAINING))


@pytest.fixture
def half(tiny_content: bytes, tmp_path: Path) -> Path:
    return written(tmp_path / "flowers-fp16.onnx", restamped(tiny_content, training=TRAINING, variant=FP16))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the provider `cuda` be the processor: all of its path runs but the GPU's own code."""
    monkeypatch.setitem(sessions.EXECUTION_PROVIDERS, "cuda", "CPUExecutionProvider")


def kind_that_runs(path: Path, provider: str, use_fp16: bool = True) -> str:
    models = Repository(Settings(models=(str(path),), threads=1, use_fp16=use_fp16), provider)
    try:
        variant = models.find().spec.variant
        return variant.kind if variant else "float32"
    finally:
        models.close()


@pytest.mark.usefixtures("stand_in")
def test_the_file_that_was_named_runs_unless_fp16_is_asked_for_on_a_gpu(
    plain: Path, half: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert kind_that_runs(plain, "cuda", use_fp16=False) == "float32"
    assert kind_that_runs(plain, "cpu") == "float32"
    assert "in place of" not in caplog.text
    assert kind_that_runs(plain, "cuda") == "fp16"
    assert f"{half} runs in place of {plain}" in caplog.text


@pytest.mark.usefixtures("stand_in")
def test_only_a_file_of_the_same_network_takes_the_place(plain: Path, tiny_content: bytes, tmp_path: Path) -> None:
    other = replace(TRAINING, seed=2)
    written(tmp_path / "other.onnx", restamped(tiny_content, training=other, variant=FP16))
    written(tmp_path / "bad.onnx", b"no model")
    written(tmp_path / "adopted.onnx", restamped(tiny_content, training=None, variant=FP16))
    assert kind_that_runs(plain, "cuda") == "float32"


@pytest.mark.usefixtures("stand_in")
def test_what_a_gpu_serves_is_the_variant_and_a_bad_one_leaves_the_other(
    plain: Path, half: Path, tiny_content: bytes
) -> None:
    content = half.read_bytes()
    half.unlink()
    models = Repository(Settings(models=(str(plain),), threads=1, use_fp16=True), "cuda")
    try:
        assert models.find().spec.variant is None
        # Whole, and of the same network, but its samples are answered otherwise: it must not take the place.
        test = read_spec(plain).self_test
        assert test is not None
        wrong = replace(test, samples=tuple(replace(s, probabilities=s.probabilities[::-1]) for s in test.samples))
        written(half, restamped(content, self_test=wrong))
        for again in (False, False, True):
            fresh, refused = models.refresh(again)
            assert (fresh, models.find().spec.variant) == ([], None)
        assert len(refused) == 1
        written(half, content)
        assert models.refresh() == ([str(half)], [])
        assert models.find().spec.variant == FP16

        async def ask() -> list[float]:
            answers = [asyncio.wrap_future(models.find().submit(encode_png(level))) for level in (10, 130, 250)]
            return [float(a.probabilities.max()) for a in await asyncio.gather(*answers)]

        expected = [tiny_probabilities(level).max() for level in (10, 130, 250)]
        assert asyncio.run(ask()) == pytest.approx(expected, abs=1e-6)
    finally:
        models.close()
