"""Hot reload as it runs beside the requests: files are looked at, what happens is logged and counted."""

import asyncio
import logging
from pathlib import Path

import pytest

from serving.reload import keep_fresh, refresh
from tests.edge.artifacts import restamped, written
from tests.serving.conftest import application, asker
from tests.serving.test_gate import metric

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
