"""The engine: it takes no model that answers wrongly here, and gives every one of many requests its own answer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
from edge.steps import ResizeSide
from export.writer import stamp
from serving.errors import EngineError
from serving.inference.engine import Answer, Engine, MemoryBudget
from serving.settings import Settings
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


def made(content: bytes, pool: ThreadPoolExecutor, threads: int = 2, batches: bool = True, **options: Any) -> Engine:
    settings = Settings(**{"max_pixels": PIXELS, **options})
    found = Engine(content, "tiny.onnx", pool, MemoryBudget(1 << 30), settings, threads=threads)
    found.batches = batches  # whatever was measured here
    return found


def run(content: bytes, use: Callable[[Engine], Any], threads: int = 2, **options: Any) -> Any:
    """What `use` returns for an engine, which is closed afterwards."""
    with ThreadPoolExecutor(threads) as pool:
        engine = made(content, pool, threads, **options)
        try:
            return use(engine)
        finally:
            engine.close()


def outcome(future: "Future[Answer]") -> Answer | BaseException:
    return future.exception(30) or future.result()


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
@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize(("max_wait_ms", "max_batch"), [(0.0, 16), (2.0, 5), (50.0, 16), (2.0, 1)])
def test_each_of_many_concurrent_pictures_gets_the_answer_of_the_edge(
    tiny_content: bytes, tiny_model: Path, threads: int, batches: bool, max_wait_ms: float, max_batch: int
) -> None:
    encoded = photographs(150)

    def ask_all(engine: Engine) -> list[Answer | BaseException]:
        return list(map(outcome, [engine.submit(one) for one in encoded]))

    options = {"max_wait_ms": max_wait_ms, "max_batch": max_batch, "batches": batches}
    found = run(tiny_content, ask_all, threads=threads, **options)
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
    answer = run(tiny_content, lambda engine: engine.submit(encode_png(77, 30, 20)).result(30))
    assert answer.timing.batch_size == 1
    assert min(vars(answer.timing).values()) >= 0
    pixels = np.full((1, 30, 20, 3), 77, np.uint8)
    np.testing.assert_array_equal(answer.probabilities, Classifier.load(tiny_model).probabilities(pixels)[0])
    np.testing.assert_allclose(answer.probabilities, tiny_probabilities(77), rtol=0, atol=1e-6)


def test_a_picture_that_would_take_too_much_memory_is_refused_before_it_is_prepared(tiny_content: bytes) -> None:
    def ask(engine: Engine) -> list[Any]:
        object.__setattr__(engine._sessions, "preprocessor", None)  # nothing may reach it
        long = [engine.submit(encode_png(50, 1, 20_000)), engine.submit(np.zeros((20_000, 1, 3), np.uint8))]
        return list(map(outcome, long))

    content = restamped(tiny_content, preprocessing=(ResizeSide("shorter", 256, "linear"),))
    for error in run(content, ask, max_pixels=1_000_000):
        assert isinstance(error, ImageError)
        assert error.code == "too_many_pixels"


def test_pixels_are_answered_as_their_file(tiny_content: bytes) -> None:
    def ask(engine: Engine) -> list[Any]:
        both = [engine.submit(encode_png(9)), engine.submit(np.full((6, 5, 3), 9, np.uint8))]
        return list(map(outcome, both))

    first, second = run(tiny_content, ask)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


@pytest.mark.parametrize("batches", [True, False])
def test_what_is_cancelled_is_skipped_and_the_others_are_answered(tiny_content: bytes, batches: bool) -> None:
    def ask(engine: Engine) -> list[Any]:
        futures = [engine.submit(encode_png(level)) for level in range(100)]
        for future in futures[::2]:
            future.cancel()
        return list(map(outcome, futures[1::2]))

    answers = run(tiny_content, ask, threads=1, batches=batches)
    for level, answer in zip(range(1, 100, 2), answers, strict=True):
        np.testing.assert_allclose(answer.probabilities, tiny_probabilities(level), rtol=0, atol=1e-6)


def test_a_batch_is_counted_once(tiny_content: bytes) -> None:
    def ask(engine: Engine) -> list[Any]:
        all_there = threading.Event()
        engine._pool.submit(all_there.wait)  # or the first would be through before the second is known of
        futures = [engine.submit(encode_png(level)) for level in range(8)]
        all_there.set()
        return list(map(outcome, futures))

    answers = run(tiny_content, ask, threads=1, max_wait_ms=60_000)
    assert [answer.timing.batch_size for answer in answers] == [8] * 8
    assert sum(answer.leads for answer in answers) == 1


def test_memory_is_waited_for_and_given_back() -> None:
    budget, order = MemoryBudget(100), []

    def use(size: int) -> None:
        with budget.hold(size):
            order.append(size)

    with budget.hold(60):
        waiting = threading.Thread(target=use, args=(70,))
        waiting.start()
        use(40)
        assert order == [40]
    waiting.join(30)
    use(1000)  # more than all there is: alone
    assert order == [40, 70, 1000]


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


@pytest.mark.parametrize("batches", [True, False])
def test_one_picture_that_breaks_the_network_does_not_break_its_batch(tiny_content: bytes, batches: bool) -> None:
    levels = [10, 128, 200, 250]

    def ask(engine: Engine) -> list[Any]:
        faulty = Faulty(engine._sessions.network, 200 / 255)
        engine._sessions = replace(engine._sessions, network=faulty)
        all_there = threading.Event()
        engine._pool.submit(all_there.wait)
        futures = [engine.submit(encode_png(level)) for level in levels]
        all_there.set()
        found = list(map(outcome, futures))
        assert faulty.calls == ([4] if batches else []) + [1] * 4
        return found

    for level, answer in zip(levels, run(tiny_content, ask, 1, batches=batches, max_wait_ms=60_000), strict=True):
        if level == 200:
            assert isinstance(answer, EngineError)
            assert str(answer) == "the model could not be run (out of memory)"
        else:
            np.testing.assert_allclose(answer.probabilities, tiny_probabilities(level), rtol=0, atol=1e-6)


def test_a_model_that_fails_its_self_test_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    content = with_self_test(tiny_content, broken_self_test(), tmp_path / "wrong.onnx").read_bytes()
    # The sample claims 0, 0, 1 for black; bright has exp(-8) / (exp(4) + 1 + exp(-8)), which is nearly 0.
    with pytest.raises(
        ParityError, match=r"tiny\.onnx: it does not answer here as the original network did \(dark: .*1\.0e\+00"
    ):
        run(content, lambda _: None)


def test_a_model_without_samples_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    content = with_self_test(tiny_content, None, tmp_path / "untested.onnx").read_bytes()
    with pytest.raises(ModelError, match="no self-test"):
        run(content, lambda _: None)


@pytest.mark.parametrize("content", [b"", b"words"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"tiny\.onnx: this is not an ONNX model"):
        run(content, lambda _: None)


def test_the_limit_of_pixels_is_the_one_it_was_made_with(tiny_content: bytes) -> None:
    def ask(engine: Engine) -> None:
        assert engine.submit(encode_png(9, 6, 5)).result(30).probabilities.argmax() == 0
        with pytest.raises(ImageError, match="31 x 1 = 31 pixels; the limit is 30") as caught:
            engine.submit(encode_png(9, 1, 31)).result(30)
        assert caught.value.code == "too_many_pixels"

    run(tiny_content, ask, max_pixels=30)
