"""The engine: it takes no model that answers wrongly here, and answers many requests at once."""

from dataclasses import replace
from pathlib import Path

import anyio
import onnx
import pytest

from edge.errors import ImageError, ModelError, ModelNotFoundError, ParityError
from edge.spec import SelfTest, parse_spec
from export.writer import stamp
from serving.engine import Engine
from tests.conftest import broken_self_test, tiny_probabilities
from tests.serving.conftest import encode_png


def with_self_test(content: bytes, self_test: SelfTest | None, path: Path) -> Path:
    model = onnx.load_from_string(content)
    spec = parse_spec(model.metadata_props[0].value, "test")
    del model.metadata_props[:]
    path.write_bytes(stamp(model, replace(spec, self_test=self_test))[0])
    return path


def test_a_good_model_is_taken(tiny_model: Path) -> None:
    assert Engine(tiny_model, 1000).spec.name == "tiny"


def test_a_model_that_fails_its_self_test_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    path = with_self_test(tiny_content, broken_self_test(), tmp_path / "wrong.onnx")
    # The sample claims 0, 0, 1 for black; bright has exp(-8) / (exp(4) + 1 + exp(-8)), which is nearly 0.
    with pytest.raises(
        ParityError, match=r"wrong\.onnx: it does not answer here as the original network did \(dark: .*1\.0e\+00"
    ):
        Engine(path, 1000)


def test_a_model_without_samples_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    path = with_self_test(tiny_content, None, tmp_path / "untested.onnx")
    with pytest.raises(ModelError, match="no self-test"):
        Engine(path, 1000)


def test_a_file_that_is_none_or_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no such model"):
        Engine(tmp_path / "nowhere.onnx", 1000)
    (tmp_path / "text.onnx").write_text("words")
    with pytest.raises(ModelError, match=r"text\.onnx"):
        Engine(tmp_path / "text.onnx", 1000)


def test_many_requests_at_once_get_each_their_own_answer(tiny_model: Path) -> None:
    engine = Engine(tiny_model, 1000)
    found: dict[int, float] = {}

    async def ask(level: int) -> None:
        answer = await engine.classify(encode_png(level), 3)
        found[level] = next(p.probability for p in answer.predictions if p.label == "bright")

    async def ask_all() -> None:
        async with anyio.create_task_group() as group:
            for level in range(0, 256, 3):
                group.start_soon(ask, level)

    anyio.run(ask_all)
    # Softmax in float32 against float64: a few units of the last place of numbers below 1.
    assert found == pytest.approx({level: tiny_probabilities(level)[2] for level in range(0, 256, 3)}, rel=0, abs=1e-6)


def test_the_limit_of_pixels_is_the_one_it_was_made_with(tiny_model: Path) -> None:
    engine = Engine(tiny_model, 30)
    assert anyio.run(engine.classify, encode_png(9, 6, 5), 1).predictions[0].label == "dark"
    with pytest.raises(ImageError, match="31 x 1 = 31 pixels; the limit is 30") as caught:
        anyio.run(engine.classify, encode_png(9, 1, 31), 1)
    assert caught.value.code == "too_many_pixels"
