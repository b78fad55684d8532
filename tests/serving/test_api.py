"""The routes without a server: what is answered, what `top_k` may be, and errors as JSON."""

from io import BytesIO
from pathlib import Path

import anyio
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from edge.classifier import Classifier
from edge.model import read_spec
from edge.result import Box
from edge.spec import Glyphs
from tests.conftest import TINY_LABELS, tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import png
from tests.edge.regions.drawn_glyphs import code
from tests.serving.conftest import MAX_PIXELS, Ask, encode_png


@pytest.mark.parametrize("level", [0, 60, 100, 170, 255])
def test_an_answer_is_what_numpy_computes(ask: Ask, level: int, tiny_model: Path) -> None:
    answer = ask("POST", "/v1/classify", content=encode_png(level))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    spec = read_spec(tiny_model)
    assert set(answer.json()) == {"model", "version", "predictions", "unsure"}
    assert (answer.json()["model"], answer.json()["version"]) == ("tiny", spec.version)
    expected = dict(zip(TINY_LABELS, tiny_probabilities(level), strict=True))
    found = {p["label"]: p["probability"] for p in answer.json()["predictions"]}
    # Softmax in float32 against float64: a few units of the last place of numbers below 1.
    assert found == pytest.approx(expected, rel=0, abs=1e-6)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_an_answer_is_that_of_the_edge_to_the_last_digit(ask: Ask, tiny_model: Path) -> None:
    chance = np.random.default_rng(0)
    classifier = Classifier.load(tiny_model)
    for level in chance.integers(0, 256, 5):
        encoded = encode_png(int(level), 30, 20)
        found = [
            (p["label"], p["probability"]) for p in ask("POST", "/v1/classify", content=encoded).json()["predictions"]
        ]
        assert found == [(p.label, p.probability) for p in classifier.classify(encoded).predictions]


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), ("2", 2), ("3", 3), ("4", 3), ("999", 3), ("9" * 5000, 3), ("01", 1), ("0" * 20 + "1", 1)],
)
def test_top_k_is_how_many_predictions_come(ask: Ask, text: str, count: int) -> None:
    answer = ask("POST", "/v1/classify", params={"top_k": text}, content=encode_png(200))
    assert answer.status_code == 200, answer.text
    assert [p["label"] for p in answer.json()["predictions"]] == ["bright", "middle", "dark"][:count]


@pytest.mark.parametrize(
    "text", ["0", "00", "-1", "+1", "abc", "1e3", "1.0", "", " 1", "1_0", "\u0663", "\u00b2", "\uff11", "nan"]
)
def test_top_k_that_is_no_whole_number_is_refused(ask: Ask, text: str) -> None:
    answer = ask("POST", "/v1/classify", params={"top_k": text}, content=encode_png(200))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_parameter"
    assert repr(text) in answer.json()["error"]["message"]


WHOLE = encode_png(200, 20, 20)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"hello, this is text", 415, "not_an_image"),
        (b"\0\0\0\x20ftypheic" + bytes(20), 415, "unsupported_format"),
        (WHOLE[:-20], 422, "corrupt"),
        (WHOLE[:20], 422, "corrupt"),
        (encode_png(9, MAX_PIXELS // 100 + 1, 100), 413, "too_many_pixels"),
    ],
    ids=["empty", "text", "HEIC", "cut short", "half a header", "too large"],
)
def test_a_bad_image_is_answered_with_its_code(ask: Ask, body: bytes, status: int, code: str) -> None:
    answer = ask("POST", "/v1/classify", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]


def test_a_picture_of_exactly_the_limit_is_answered(ask: Ask) -> None:
    assert ask("POST", "/v1/classify", content=encode_png(9, MAX_PIXELS // 100, 100)).status_code == 200


def test_a_note_of_the_decoder_is_passed_on(ask: Ask) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (255, 0)]
    stream = BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    answer = ask("POST", "/v1/classify", content=stream.getvalue()).json()
    assert answer["predictions"][0]["label"] == "bright"
    assert "first" in answer["note"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/classify", 405), ("PUT", "/v1/classify", 405), ("POST", "/", 405), ("GET", "/nowhere", 404)],
)
def test_a_wrong_address_or_method_is_answered_in_json_too(ask: Ask, method: str, path: str, status: int) -> None:
    answer = ask(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert set(answer.json()["error"]) == {"code", "message"}
    assert ("allow" in answer.headers) == (status == 405)  # RFC 9110, section 15.5.6, demands it


def test_a_client_that_goes_away_is_no_error_of_ours(app: Starlette) -> None:
    """It would stand in the log with a traceback, and in the metrics as an answer of 500."""
    messages = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(_: object) -> None:
        """Take what nobody reads."""

    state = app.state.service
    scope = {"type": "http", "method": "POST", "path": "/v1/classify", "query_string": b"", "headers": []}
    anyio.run(app, scope, receive, send)
    assert messages == []
    assert state.places.taken == 0


def test_one_image_after_a_bad_one_is_answered_as_ever(ask: Ask) -> None:
    assert ask("POST", "/v1/classify", content=WHOLE[:30]).status_code == 422
    assert ask("POST", "/v1/classify", content=WHOLE).json()["predictions"][0]["label"] == "bright"


def test_regions_are_answered_as_the_edge_answers(app: Starlette, ask: Ask, tiny_model: Path) -> None:
    written(tiny_model, restamped(tiny_model.read_bytes(), regions=Glyphs(4)))
    assert app.state.service.repository.refresh() == ([str(tiny_model)], [])
    classifier = Classifier.load(tiny_model)
    for text in ("7391", "739", ""):
        encoded = png(code(text)[0])
        answer = ask("POST", "/v1/classify", content=encoded).json()
        expected = classifier.classify(encoded)
        assert answer["predictions"] == []
        assert answer["text"] == expected.text
        assert (answer["unsure"], answer.get("note")) == (expected.unsure, expected.note)
        boxes = [Box(**region["box"]) for region in answer["regions"]]
        assert boxes == [region.box for region in expected.regions or ()]
        assert len(boxes) == len(text)
        best = [region["predictions"][0]["probability"] for region in answer["regions"]]
        assert best == [region.predictions[0].probability for region in expected.regions or ()]
