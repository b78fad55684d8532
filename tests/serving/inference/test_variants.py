"""Files of one network beside each other: what is listed, and what a GPU would run. A processor plays the GPU here."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.model import read_spec
from edge.spec import ClassCounts, TrainingRecord, Variant
from serving.inference import sessions
from serving.inference.repository import Repository, find_models
from serving.settings import Settings
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.serving.conftest import application, asker, encode_png

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
    monkeypatch.setattr(sessions, "GPU_MEMORY", "cpu")


def test_only_files_of_the_same_network_are_variants(
    plain: Path, half: Path, tiny_content: bytes, tmp_path: Path
) -> None:
    other = replace(TRAINING, seed=2)
    written(tmp_path / "other.onnx", restamped(tiny_content, training=other, variant=FP16))
    written(tmp_path / "bad.onnx", b"no model")
    adopted = written(tmp_path / "adopted.onnx", restamped(tiny_content, training=None, name="adopted"))
    written(tmp_path / "adopted-too.onnx", restamped(tiny_content, training=None, name="x", variant=FP16))
    models = Repository(Settings(models=(str(plain), str(adopted)), threads=1), "cpu")
    try:
        found = [(variant["file"], variant["kind"], variant["version"]) for variant in models.variants(models.find())]
        assert found == [
            ("flowers-fp16.onnx", "fp16", read_spec(half).version),
            ("flowers.onnx", "float32", read_spec(plain).version),
        ]
        assert [variant["file"] for variant in models.variants(models.find("adopted"))] == ["adopted.onnx"]
    finally:
        models.close()


def test_the_file_that_was_named_runs_unless_fp16_is_asked_for_on_a_gpu(plain: Path, half: Path) -> None:
    asked = Settings(models=(str(plain),), use_fp16=True)
    assert find_models(Settings(models=(str(plain),)), "cuda") == [plain]
    assert find_models(asked, "cpu") == [plain]
    assert find_models(asked, "cuda") == [half]
    assert find_models(Settings(models=(str(half), str(plain)), use_fp16=True), "tensorrt") == [half]
    half.unlink()
    assert find_models(asked, "cuda") == [plain]


def test_the_list_says_what_is_served_and_what_runs(plain: Path, half: Path) -> None:
    with application(plain) as app:
        ask = asker(app)
        model = ask("GET", "/v1/models/tiny").json()
        assert [(v["file"], v["served"], v["runs"]) for v in model["variants"]] == [
            ("flowers-fp16.onnx", False, False),
            ("flowers.onnx", True, True),
        ]
        half.unlink()
        assert app.state.service.repository.refresh() == ([], [])
        variants = ask("GET", "/v1/models/tiny").json()["variants"]
        assert [v["file"] for v in variants] == ["flowers.onnx"]


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
        assert [(v["file"], v["runs"]) for v in models.variants(models.find())] == [
            ("flowers-fp16.onnx", True),
            ("flowers.onnx", False),
        ]

        async def ask() -> list[float]:
            answers = [asyncio.wrap_future(models.find().submit(encode_png(level))) for level in (10, 130, 250)]
            return [float(a.probabilities.max()) for a in await asyncio.gather(*answers)]

        expected = [tiny_probabilities(level).max() for level in (10, 130, 250)]
        assert asyncio.run(ask()) == pytest.approx(expected, abs=1e-6)
    finally:
        models.close()
