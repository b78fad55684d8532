"""The gate: names of requests, time, clients that go away, defects, the log, the metrics and CORS."""

import asyncio
import json
import logging
import logging.config
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from serving.inference.engine import Engine
from serving.settings import LOGGING
from tests.serving.conftest import Ask, application, asker, encode_png, metric, send


@pytest.mark.parametrize("given", ["abc-123", "x" * 128, "A/b+c=~"])
def test_the_name_of_a_request_is_kept(ask: Ask, given: str) -> None:
    assert ask("GET", "/livez", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "\u00e4"])
def test_a_request_without_a_usable_name_gets_one(ask: Ask, given: str) -> None:
    headers = [(b"x-request-id", given.encode("latin-1"))]
    names = [ask("GET", "/livez", headers=headers).headers["x-request-id"] for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)
    assert names[0] != names[1]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds up every picture at its preparation until the event is set."""
    event = threading.Event()
    prepare = Engine._prepare

    def slow(self: Engine, *arguments: Any) -> None:
        assert event.wait(30)
        prepare(self, *arguments)

    monkeypatch.setattr(Engine, "_prepare", slow)
    yield event
    event.set()


def test_a_request_that_takes_too_long_is_answered_504_and_frees_its_place(
    tiny_model: Path, held: threading.Event
) -> None:
    with application(tiny_model, request_timeout_s=0.05) as app:
        answer = asker(app)("POST", "/v1/classify", content=encode_png(1))
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        assert answer.headers["x-request-id"]
        assert app.state.service.admission.pictures == 0
        held.set()


def test_more_pictures_than_may_wait_are_answered_503_at_once(tiny_model: Path, held: threading.Event) -> None:
    async def ask_all(app: Starlette) -> list[httpx.Response]:
        async def ask() -> httpx.Response:
            return await send(app, "POST", "/v1/classify", content=encode_png(250))

        waiting = [asyncio.create_task(ask()) for _ in range(3)]
        while app.state.service.admission.pictures < 3:
            await asyncio.sleep(0)
        refused = await ask()
        held.set()
        return [refused, *await asyncio.gather(*waiting), await ask()]

    with application(tiny_model, max_waiting=3, max_images=3) as app:
        refused, *answered = asyncio.run(ask_all(app))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert [answer.json()["predictions"][0]["label"] for answer in answered] == ["bright"] * 4
        assert metric(asker(app), "eyespot_rejected_total", reason="overloaded") == 1


def test_a_client_that_goes_away_frees_its_place(tiny_model: Path, held: threading.Event) -> None:
    async def leave(app: Starlette) -> None:
        messages = [{"type": "http.request", "body": encode_png(1)}, {"type": "http.disconnect"}]

        async def receive() -> dict[str, object]:
            return messages.pop(0)

        async def forget(_: object) -> None:
            """Take what nobody reads."""

        scope = {"type": "http", "method": "POST", "path": "/v1/classify", "query_string": b"", "headers": []}
        await app(scope, receive, forget)  # ends although the picture is held up

    with application(tiny_model) as app:
        asyncio.run(leave(app))
        assert app.state.service.admission.pictures == 0
        held.set()
        assert metric(asker(app), "eyespot_requests_total", route="/v1/classify", status="499") == 1


def test_a_defect_is_answered_in_json_and_only_the_log_says_what(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("private")

    monkeypatch.setattr("serving.routes.classify.describe", broken)
    answer = ask("POST", "/v1/classify", content=encode_png(1), headers={"X-Request-ID": "me"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "private" not in answer.text
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.request_id == "me"  # type: ignore[attr-defined]


def logged(caplog: pytest.LogCaptureFixture, call: Callable[[], object]) -> dict[str, Any]:
    """The line that one request writes into the log."""
    with caplog.at_level(logging.INFO):
        caplog.clear()
        call()
    (record,) = [r for r in caplog.records if r.name == "eyespot.access"]
    formatter = logging.config.DictConfigurator(LOGGING).configure_formatter(dict(LOGGING["formatters"]["json"]))
    line: dict[str, Any] = json.loads(formatter.format(record))
    return line


def test_a_line_of_the_log_says_what_happened_and_nothing_of_the_picture(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"X-Request-ID": "me"}
    line = logged(caplog, lambda: ask("POST", "/v1/classify?top_k=1&x=secret", content=encode_png(1), headers=headers))
    assert line.pop("duration_ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", line.pop("time"))
    assert line == {
        "level": "INFO",
        "logger": "eyespot.access",
        "message": "request",
        "request_id": "me",
        "method": "POST",
        "route": "/v1/classify",
        "status": 200,
        "model": "tiny",
        "pictures": 1,
    }
    line = logged(caplog, lambda: ask("POST", "/v1/classify", content=b"words"))
    assert (line["status"], line["code"]) == (415, "not_an_image")


def test_the_log_can_be_turned_off(tiny_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with application(tiny_model, access_log=False) as app, caplog.at_level(logging.INFO):
        asker(app)("GET", "/livez")
    assert [r for r in caplog.records if r.name == "eyespot.access"] == []


def test_metrics_count_pictures_stages_labels_and_refusals(ask: Ask) -> None:
    for level in (0, 10, 250):
        ask("POST", "/v1/classify", content=encode_png(level))
    ask("POST", "/v1/classify", files=[("files", encode_png(250)), ("files", b"words")])
    ask("POST", "/v1/classify", content=b"words")
    assert metric(ask, "eyespot_pictures_total", model="tiny", outcome="ok") == 4
    assert metric(ask, "eyespot_pictures_total", model="tiny", outcome="not_an_image") == 2
    assert metric(ask, "eyespot_best_label_total", label="dark") == 2
    assert metric(ask, "eyespot_best_label_total", label="bright") == 2
    assert metric(ask, "eyespot_rejected_total", reason="not_an_image") == 1
    assert metric(ask, "eyespot_requests_total", route="/v1/classify", status="200") == 4
    assert metric(ask, "eyespot_model_info", model="tiny", provider="cpu") == 1
    assert metric(ask, "eyespot_waiting") == 0
    for stage in ("queue", "decode", "preprocess", "wait", "inference"):
        assert metric(ask, "eyespot_stage_seconds_count", stage=stage) == 4
    assert metric(ask, "eyespot_batch_size_sum") == 4


def test_no_client_can_make_new_labels(ask: Ask) -> None:
    before = ask("GET", "/metrics").text.count("\n")
    answers = [ask("GET", f"/nowhere/{i}") for i in range(3)]
    answers += [ask("POST", f"/v1/models/nobody-{i}/classify", content=b"x") for i in range(3)]
    assert {answer.status_code for answer in answers} == {404}
    text = ask("GET", "/metrics").text
    assert "nowhere" not in text
    assert "nobody" not in text
    assert metric(ask, "eyespot_requests_total", route="other", status="404") == 3
    again = [ask("GET", f"/elsewhere/{i}") for i in range(5)]
    assert {answer.status_code for answer in again} == {404}
    assert ask("GET", "/metrics").text.count("\n") - text.count("\n") == 0
    assert before < text.count("\n")


def test_pages_of_other_origins_may_ask_only_if_they_are_named(tiny_model: Path, ask: Ask) -> None:
    origin = {"Origin": "https://good.example"}
    preflight = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert "access-control-allow-origin" not in ask("GET", "/livez", headers=origin).headers
    with application(tiny_model, cors_origins=("https://good.example",), api_keys=("0123456789",)) as app:
        named = asker(app)
        assert named("OPTIONS", "/v1/classify", headers=preflight).status_code == 200
        allowed = named("GET", "/livez", headers=origin).headers["access-control-allow-origin"]
        assert allowed == "https://good.example"
        other = named("GET", "/livez", headers={"Origin": "https://bad.example"})
        assert "access-control-allow-origin" not in other.headers
