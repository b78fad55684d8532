"""The engine: it takes no model that answers wrongly here, and gives every one of many requests its own answer."""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import onnx
import pytest

from edge.classifier import Classifier
from edge.errors import ImageError, ModelError, ParityError
from edge.spec import SelfTest, parse_spec
from edge.steps import CentreCrop, Resize, ResizeSide, Scale
from export.writer import stamp
from serving.engine import AT_ONCE_BYTES, Engine, EngineError, _is_small
from serving.job import Answer, outcomes
from serving.pool import Pool
from tests.conftest import broken_self_test, tiny_probabilities
from tests.edge.artifacts import restamped
from tests.serving.conftest import encode_png

PIXELS = 10_000


def with_self_test(content: bytes, self_test: SelfTest | None, path: Path) -> Path:
    model = onnx.load_from_string(content)
    spec = parse_spec(model.metadata_props[0].value, "test")
    del model.metadata_props[:]
    path.write_bytes(stamp(model, msgspec.structs.replace(spec, self_test=self_test))[0])
    return path


@asynccontextmanager
async def engine(content: bytes, threads: int = 2, **options: Any) -> AsyncIterator[Engine]:
    pool = Pool(threads)
    try:
        made = Engine(content, "tiny.onnx", pool, **{"max_pixels": PIXELS, **options})
        yield made
        made.close()
    finally:
        pool.close()


def run(content: bytes, use: Callable[[Engine], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    async def whole() -> Any:
        async with engine(content, **options) as made:
            return await use(made)

    return asyncio.run(whole())


def photographs(count: int) -> list[bytes]:
    """Pictures of all sizes and contents; every eleventh is cut short, every thirteenth no picture at all."""
    chance = np.random.default_rng(3)
    encoded = []
    for i in range(count):
        pixels = chance.integers(0, 256, (*chance.integers(1, 90, 2), 3), np.uint8)
        whole = bytes(cv2.imencode(".png" if i % 2 else ".jpg", pixels)[1])
        encoded.append(b"words" if i % 13 == 12 else whole[: len(whole) // 2] if i % 11 == 10 else whole)
    return encoded


def of_the_edge(classifier: Classifier, encoded: bytes) -> dict[str, float] | ImageError:
    try:
        return {p.label: p.probability for p in classifier.classify(encoded).predictions}
    except ImageError as error:
        return error


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("max_wait_s", [0.0, 0.002, 0.05])
@pytest.mark.parametrize("max_batch", [1, 5, 16])
def test_each_of_many_concurrent_pictures_gets_the_answer_of_the_edge(
    tiny_content: bytes, tiny_model: Path, threads: int, max_wait_s: float, max_batch: int
) -> None:
    encoded = photographs(150)

    async def ask_all(made: Engine) -> list[Answer | BaseException]:
        return await asyncio.gather(*map(made.submit, encoded), return_exceptions=True)

    found = run(tiny_content, ask_all, threads=threads, max_wait_s=max_wait_s, max_batch=max_batch)
    classifier = Classifier.load(tiny_model)
    for answer, picture in zip(found, encoded, strict=True):
        expected = of_the_edge(classifier, picture)
        if isinstance(expected, ImageError):
            assert isinstance(answer, ImageError)
            assert (answer.code, str(answer)) == (expected.code, str(expected))
        else:
            assert isinstance(answer, Answer), answer
            # The mean of a batch is taken row by row, but another kernel may take it: one unit of the last place.
            values = dict(zip(classifier.spec.labels, answer.probabilities.tolist(), strict=True))
            assert values == pytest.approx(expected, rel=0, abs=1e-6)
            assert answer.timing.batch_size <= max_batch


def test_a_lone_request_is_answered_to_the_last_digit_of_the_edge(tiny_content: bytes, tiny_model: Path) -> None:
    async def ask(made: Engine) -> Answer:
        return await made.submit(encode_png(77, 30, 20))

    answer = run(tiny_content, ask)
    assert answer.timing.batch_size == 1
    assert min(vars(answer.timing).values()) >= 0
    pixels = np.full((1, 30, 20, 3), 77, np.uint8)
    np.testing.assert_array_equal(answer.probabilities, Classifier.load(tiny_model).probabilities(pixels)[0])
    np.testing.assert_allclose(answer.probabilities, tiny_probabilities(77), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("threads", "wanted", "side_px", "at_once"),
    [(1, True, 90, True), (1, False, 90, False), (2, True, 90, False), (1, True, 700, False)],
)
def test_only_small_pictures_are_answered_on_the_thread_that_asks_and_share_the_network(
    tiny_content: bytes, threads: int, wanted: bool, side_px: int, at_once: bool
) -> None:
    async def ask(made: Engine) -> tuple[bool, list[Answer | BaseException]]:
        threads_used: list[int] = []
        answer = made._halves.answer

        def watched(tensors: Any) -> Any:
            threads_used.append(threading.get_ident())
            return answer(tensors)

        object.__setattr__(made._halves, "answer", watched)
        futures = [
            made.submit(encode_png(50, side_px, side_px), at_once=wanted),
            made.submit_pixels(np.full((side_px, side_px, 3), 50, np.uint8), at_once=wanted),
        ]
        answers = await outcomes(futures)
        return set(threads_used) == {threading.get_ident()}, answers

    here, answers = run(tiny_content, ask, threads=threads, max_pixels=1_000_000)
    assert here is at_once
    for answer in answers:
        assert isinstance(answer, Answer), answer
        if at_once:
            assert answer.timing.batch_size == 2
        np.testing.assert_allclose(answer.probabilities, tiny_probabilities(50), rtol=0, atol=1e-6)


def test_what_a_small_file_can_make_slow_is_not_small() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)

    def encoded(suffix: str, *options: int) -> bytes:
        return cv2.imencode(suffix, pixels, options)[1].tobytes()

    steps = (ResizeSide("shorter", 256, "linear"), CentreCrop(224, 224))
    assert _is_small(encoded(".jpg"), steps)
    assert _is_small(encoded(".png"), steps)
    assert not _is_small(encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1), steps)
    assert not _is_small(encoded(".webp"), steps)
    assert not _is_small(encoded(".jpg") + bytes(AT_ONCE_BYTES), steps)
    assert not _is_small(b"words", steps)


@pytest.mark.parametrize("size", [(200, 2), (2, 200)], ids=str)
def test_what_the_preprocessing_makes_large_is_not_small(size: tuple[int, int]) -> None:
    encoded = encode_png(9, *size)
    assert _is_small(encoded, (Resize(224, 224, "linear"), Scale(1 / 255)))
    # 256 x 25,600 pixels, of which linear takes 90 bytes each.
    assert not _is_small(encoded, (ResizeSide("shorter", 256, "linear"), CentreCrop(224, 224)))


def test_a_picture_that_would_take_too_much_memory_is_refused_before_it_is_prepared(tiny_content: bytes) -> None:
    async def ask(made: Engine) -> list[Any]:
        object.__setattr__(made._halves, "front", None)  # nothing may reach it
        long = [
            made.submit(encode_png(50, 1, 20_000)),
            made.submit_pixels(np.zeros((20_000, 1, 3), np.uint8), at_once=True),
        ]
        return await asyncio.gather(*long, return_exceptions=True)

    content = restamped(tiny_content, preprocessing=(ResizeSide("shorter", 256, "linear"),))
    for error in run(content, ask, max_pixels=1_000_000):
        assert isinstance(error, ImageError)
        assert error.code == "too_many_pixels"


def test_a_slow_network_and_a_damaged_picture_are_not_worked_on_at_once(
    tiny_content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(made: Engine) -> bool:
        return made._may_at_once

    assert run(tiny_content, ask, threads=1)
    monkeypatch.setattr("serving.engine.AT_ONCE_S", 0.0)
    assert not run(tiny_content, ask, threads=1)

    async def ask_words(made: Engine) -> None:
        await made.submit(b"words", at_once=True)

    with pytest.raises(ImageError, match="not an image"):
        run(tiny_content, ask_words, threads=1)


def test_pixels_are_answered_as_their_file(tiny_content: bytes) -> None:
    async def ask(made: Engine) -> list[Answer]:
        return await asyncio.gather(made.submit(encode_png(9)), made.submit_pixels(np.full((6, 5, 3), 9, np.uint8)))

    first, second = run(tiny_content, ask)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_whoever_gives_up_is_passed_over_and_the_others_are_answered(tiny_content: bytes) -> None:
    async def ask(made: Engine) -> list[Answer]:
        futures = [made.submit(encode_png(level)) for level in range(100)]
        for future in futures[::2]:
            future.cancel()
        return await asyncio.gather(*futures[1::2])

    answers = run(tiny_content, ask, threads=1)
    for level, answer in zip(range(1, 100, 2), answers, strict=True):
        np.testing.assert_allclose(answer.probabilities, tiny_probabilities(level), rtol=0, atol=1e-6)


def test_the_bytes_of_whoever_gives_up_are_let_go_before_their_turn_comes(tiny_content: bytes) -> None:
    async def ask(made: Engine) -> tuple[int, int]:
        turn = threading.Event()
        made._pool.run(turn.wait)
        encoded = bytes(100_000)
        before = sys.getrefcount(encoded)
        future = made.submit(encoded)
        waiting = sys.getrefcount(encoded) - before
        future.cancel()
        await asyncio.gather(future, return_exceptions=True)
        gc.collect()
        left = sys.getrefcount(encoded) - before
        turn.set()
        return waiting, left

    waiting, left = run(tiny_content, ask, threads=1)
    assert waiting > 0
    assert left == 0


class Faulty:
    """A network that cannot bear one picture, by the value of its first level, as a real one runs out of memory."""

    def __init__(self, network: Any, unbearable: float) -> None:
        self.network = network
        self.unbearable = unbearable
        self.calls: list[int] = []

    def run(self, outputs: list[str], feeds: dict[str, np.ndarray]) -> Any:
        (batch,) = feeds.values()
        self.calls.append(len(batch))
        if (abs(batch[:, 0, 0, 0] - self.unbearable) < 1e-4).any():
            raise RuntimeError("out of memory\nand more lines")
        return self.network.run(outputs, feeds)


def test_one_picture_that_breaks_the_network_does_not_break_its_batch(tiny_content: bytes) -> None:
    levels = [10, 128, 200, 250]

    async def ask(made: Engine) -> list[Answer | BaseException]:
        faulty = Faulty(made._halves.network, 200 / 255)
        made._halves = replace(made._halves, network=faulty)
        all_there = threading.Event()
        made._pool.run(all_there.wait)  # or the first would be through before the second is known of
        futures = [made.submit(encode_png(level)) for level in levels]
        all_there.set()
        found = await asyncio.gather(*futures, return_exceptions=True)
        assert faulty.calls == [4, 1, 1, 1, 1]
        return found

    answers = run(tiny_content, ask, threads=1, max_wait_s=60)
    for level, answer in zip(levels, answers, strict=True):
        if level == 200:
            assert isinstance(answer, EngineError)
            assert str(answer) == "the model could not be run (out of memory)"
        else:
            np.testing.assert_allclose(answer.probabilities, tiny_probabilities(level), rtol=0, atol=1e-6)


def test_a_model_that_fails_its_self_test_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    content = with_self_test(tiny_content, broken_self_test(), tmp_path / "wrong.onnx").read_bytes()
    # The sample claims 0, 0, 1 for black; bright has exp(-8) / (exp(4) + 1 + exp(-8)), which is nearly 0.
    with pytest.raises(
        ParityError, match=r"w\.onnx: it does not answer here as the original network did \(dark: .*1\.0e\+00"
    ):
        Engine(content, "w.onnx", Pool(0), max_pixels=PIXELS)


def test_a_model_without_samples_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    content = with_self_test(tiny_content, None, tmp_path / "untested.onnx").read_bytes()
    with pytest.raises(ModelError, match="no self-test"):
        Engine(content, "u.onnx", Pool(0), max_pixels=PIXELS)


@pytest.mark.parametrize("content", [b"", b"words"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"text\.onnx: this is not an ONNX model"):
        Engine(content, "text.onnx", Pool(0), max_pixels=PIXELS)


def test_the_limit_of_pixels_is_the_one_it_was_made_with(tiny_content: bytes) -> None:
    async def ask(made: Engine) -> None:
        assert (await made.submit(encode_png(9, 6, 5))).probabilities.argmax() == 0
        with pytest.raises(ImageError, match="31 x 1 = 31 pixels; the limit is 30") as caught:
            await made.submit(encode_png(9, 1, 31))
        assert caught.value.code == "too_many_pixels"

    run(tiny_content, ask, max_pixels=30)
