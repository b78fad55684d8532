"""What runs beside the requests of a worker: nothing of it may keep the worker from ending."""

import asyncio
import threading
from pathlib import Path

import pytest
from starlette.applications import Starlette

from serving import application as application_module
from serving.state import ServiceState
from tests.serving.conftest import application, encode_png, send


async def live_once(app: Starlette) -> None:
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0)


def test_a_task_that_failed_does_not_keep_the_models_open(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: ServiceState) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(application_module, "keep_fresh", broken)
    with application(tiny_model) as app:
        asyncio.run(live_once(app))
        pool = app.state.service.repository._pool
        assert not any(thread.is_alive() for thread in pool._threads)


def test_a_picture_that_never_ends_does_not_keep_a_worker_from_ending(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_module, "CLOSE_WITHIN_S", 0.01)
    stuck = threading.Event()
    with application(tiny_model, threads=1) as app:
        pool = app.state.service.repository._pool
        pool.run(stuck.wait)
        asyncio.run(live_once(app))
        assert pool._threads[0].is_alive()
        stuck.set()


@pytest.mark.parametrize(("every_s", "when"), [(0.01, "meanwhile"), (1e6, "at the end")])
def test_what_was_counted_is_written_without_a_scrape(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, every_s: float, when: str
) -> None:
    def is_written() -> bool:
        return 'eyespot_pictures_total{model="tiny",outcome="ok"} 1.0' in metrics.render().decode()

    async def ask_once() -> None:
        async with app.router.lifespan_context(app), asyncio.timeout(30):
            await send(app, "POST", "/v1/classify", content=encode_png(0))
            while when == "meanwhile" and not is_written():
                await asyncio.sleep(0)

    monkeypatch.setattr("serving.health.WRITE_EVERY_S", every_s)
    with application(tiny_model) as app:
        metrics = app.state.service.metrics
        asyncio.run(ask_once())
        assert is_written()
