"""Hot reload as it runs beside the requests: files are looked at, what happens is logged and counted."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.app import keep_fresh, refresh
from tests.edge.artifacts import restamped, written
from tests.serving.conftest import application, asker, metric

LABELS = ("bright", "middle", "dark")


def test_a_replaced_file_is_found_without_being_told(tiny_content: bytes, tiny_model: Path) -> None:
    async def watch() -> None:
        task = asyncio.create_task(keep_fresh(app.state.service))
        written(tiny_model, restamped(tiny_content, labels=LABELS))
        async with asyncio.timeout(30):
            while app.state.service.repository.find().spec.labels != LABELS:
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with application(tiny_model, reload_every_s=0.01) as app:
        asyncio.run(watch())
        assert app.state.service.repository.find().spec.labels == LABELS


def test_what_was_taken_up_and_refused_is_logged_counted_and_shown(
    tiny_content: bytes, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with application(tiny_model) as app, caplog.at_level(logging.INFO):
        ask, state = asker(app), app.state.service
        old = state.repository.find().spec.version
        written(tiny_model, restamped(tiny_content, labels=LABELS))
        asyncio.run(refresh(state, again=False))
        new = ask("GET", "/v1/models").json()["models"][0]["version"]
        assert new != old
        assert metric(ask, "eyespot_model_info", version=old) == 0
        assert metric(ask, "eyespot_model_info", version=new) == 1
        written(tiny_model, tiny_content[:100])
        asyncio.run(refresh(state, again=False))
        assert metric(ask, "eyespot_reloads_total", outcome="ok") == 1
        assert metric(ask, "eyespot_reloads_total", outcome="refused") == 1
        assert ask("GET", "/readyz").json()["models"][0]["version"] == new
    (refused,) = [r for r in caplog.records if r.name == "eyespot.reload" and r.levelno == logging.ERROR]
    assert "cut short" in refused.getMessage()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


def test_an_error_in_one_look_is_logged_and_the_next_takes_place(
    tiny_content: bytes, tiny_model: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def watch() -> None:
        repository = app.state.service.repository
        looks = repository.refresh

        def broken(_: bool) -> None:
            repository.refresh = looks
            raise ZeroDivisionError

        repository.refresh = broken
        written(tiny_model, restamped(tiny_content, labels=LABELS))
        task = asyncio.create_task(keep_fresh(app.state.service))
        await until(lambda: task.done() or repository.find().spec.labels == LABELS)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with application(tiny_model, reload_every_s=0.01) as app:
        asyncio.run(watch())
        assert metric(asker(app), "eyespot_reloads_total", outcome="failed") == 1
    (record,) = [r for r in caplog.records if r.name == "eyespot.reload" and r.levelno == logging.ERROR]
    assert record.exc_info is not None


def test_a_signal_that_comes_during_a_look_asks_for_another(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []

    async def look(_: object, again: bool) -> None:
        looks.append(again)
        if len(looks) == 1:
            os.kill(os.getpid(), signal.SIGHUP)
            for _ in range(10):  # turns of the loop, in which it sees the signal
                await asyncio.sleep(0)

    async def watch() -> None:
        task = asyncio.create_task(keep_fresh(app.state.service))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: len(looks) == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    monkeypatch.setattr("serving.app.refresh", look)
    # Whatever comes after the loop's own handler is gone shall not end the tests.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with application(tiny_model, reload_every_s=0) as app:
            asyncio.run(watch())
    finally:
        signal.signal(signal.SIGHUP, before)
    assert looks == [True, True]
