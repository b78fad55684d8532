"""The routes without a server: what is answered, what `top_k` may be, and errors as JSON."""

import base64
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


@pytest.mark.parametrize(("text", "count"), [("1", 1), ("3", 3), ("999", 3)])
def test_top_k_is_how_many_predictions_come(ask: Ask, text: str, count: int) -> None:
    answer = ask("POST", "/v1/classify", params={"top_k": text}, content=encode_png(200))
    assert answer.status_code == 200, answer.text
    assert [p["label"] for p in answer.json()["predictions"]] == ["bright", "middle", "dark"][:count]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("top_k", text) for text in ("0", "-1", "abc", "1.5", "", "nan", "9" * 5000)),
        *(("min_probability", text) for text in ("-0.1", "1.1", "x", "", "nan")),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(ask: Ask, name: str, text: str) -> None:
    answer = ask("POST", "/v1/classify", params={name: text}, content=encode_png(200))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_parameter")
    assert answer.json()["error"]["message"].startswith(f"{name}: ")


@pytest.mark.parametrize("least", [0.0, 0.5, 0.9, 1.0])
def test_min_probability_means_unsure_and_leaves_the_predictions(ask: Ask, least: float, tiny_model: Path) -> None:
    """As `min_probability` of the edge: the model has no threshold of its own."""
    answer = ask("POST", "/v1/classify", params={"min_probability": least}, content=encode_png(170)).json()
    expected = Classifier.load(tiny_model, min_probability=least).classify(encode_png(170), 3)
    assert answer["unsure"] is expected.unsure is bool(tiny_probabilities(170).max() < least)
    assert len(answer["predictions"]) == 3


WHOLE = encode_png(200, 20, 20)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"hello, this is text", 415, "not_an_image"),
        (b"\xff\x0a" + bytes(20), 415, "unsupported_format"),
        (WHOLE[:-20], 422, "corrupt"),
        (WHOLE[:20], 422, "corrupt"),
        (encode_png(9, MAX_PIXELS // 100 + 1, 100), 413, "too_many_pixels"),
    ],
    ids=["empty", "text", "JPEG XL", "cut short", "half a header", "too large"],
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
    """Otherwise the log gets a traceback, and the metrics count a 500."""
    messages = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(_: object) -> None:
        """Take what nobody reads."""

    state = app.state.service
    scope = {"type": "http", "method": "POST", "path": "/v1/classify", "query_string": b"", "headers": []}
    anyio.run(app, scope, receive, send)
    assert messages == []
    assert state.admission.pictures == 0


def test_one_image_after_a_bad_one_is_answered_as_ever(ask: Ask) -> None:
    assert ask("POST", "/v1/classify", content=WHOLE[:30]).status_code == 422
    assert ask("POST", "/v1/classify", content=WHOLE).json()["predictions"][0]["label"] == "bright"


def test_regions_are_answered_as_the_edge_answers(app: Starlette, ask: Ask, tiny_model: Path) -> None:
    written(tiny_model, restamped(tiny_model.read_bytes(), regions=Glyphs(4)))
    assert app.state.service.repository.refresh() == ([str(tiny_model)], [])
    for text, least in (("7391", 0.0), ("7391", 1.0), ("739", 0.0), ("", 0.0)):
        encoded = png(code(text)[0])
        answer = ask("POST", "/v1/classify", params={"min_probability": least}, content=encoded).json()
        expected = Classifier.load(tiny_model, min_probability=least).classify(encoded)
        assert answer["predictions"] == []
        assert answer["text"] == expected.text
        assert (answer["unsure"], answer.get("note")) == (expected.unsure, expected.note)
        boxes = [Box(**region["box"]) for region in answer["regions"]]
        assert boxes == [region.box for region in expected.regions or ()]
        assert len(boxes) == len(text)
        best = [region["predictions"][0]["probability"] for region in answer["regions"]]
        assert best == [region.predictions[0].probability for region in expected.regions or ()]


BASE64 = base64.b64encode(WHOLE).decode()


@pytest.mark.parametrize("image", [BASE64, f"data:image/png;base64,{BASE64}", BASE64[:40] + "\n" + BASE64[40:]])
def test_an_image_may_be_base64_in_json(ask: Ask, image: str) -> None:
    assert ask("POST", "/v1/classify", json={"image": image}).json()["predictions"][0]["label"] == "bright"
    answer = ask("POST", "/v1/classify", json={"images": [image, base64.b64encode(b"words").decode()]}).json()
    good, bad = answer["results"]
    assert (good["predictions"][0]["label"], bad["error"]["code"]) == ("bright", "not_an_image")


@pytest.mark.parametrize(
    "message",
    [
        *([], {}, {"image": 7}, {"images": []}, {"images": BASE64}, {"image": BASE64, "images": [BASE64]}),
        *({"image": "%%%"}, {"image": "http://127.0.0.1:9/a.png"}, {"image": "data:image/png,abc"}),
    ],
)
def test_json_that_has_no_image_is_refused_and_nothing_is_fetched(ask: Ask, message: object) -> None:
    answer = ask("POST", "/v1/classify", json=message)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_json")


def test_json_with_too_many_images_is_refused(ask: Ask) -> None:
    answer = ask("POST", "/v1/classify", json={"images": [BASE64[:8]] * 33})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_images")


def test_head_is_answered_as_get(ask: Ask) -> None:
    assert ask("HEAD", "/readyz").status_code == 200
    assert ask("HEAD", "/v1/classify").status_code == 405
