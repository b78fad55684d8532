"""Hot reload: replaced model files are taken up while requests go on."""

import asyncio
import logging
import signal
from contextlib import suppress

from serving.state import ServiceState

log = logging.getLogger("eyespot.reload")


async def keep_fresh(state: ServiceState) -> None:
    """Look at the model files every so often, and on SIGHUP, until cancelled."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(RuntimeError, ValueError):  # signals can be had by the main thread only
        loop.add_signal_handler(signal.SIGHUP, asked.set)
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), state.settings.reload_every_s or None)
        again = asked.is_set()
        asked.clear()  # before it is done: a signal that comes meanwhile asks for another look
        try:
            await refresh(state, again)
        except Exception:  # whatever it is, the next look may go well
            log.exception("an error in looking for new model files; the models stay as they were")
            state.metrics.reloads.labels("failed").inc()


async def refresh(state: ServiceState, again: bool) -> None:
    """Take up what changed, and say so; `again` also tries files that were refused before."""
    fresh, refused = await asyncio.to_thread(state.repository.refresh, again)
    for name in fresh:
        log.info("model loaded", extra={"fields": {"file": name}})
        state.metrics.reloads.labels("ok").inc()
    for reason in refused:
        log.error("a model file was refused, the one before goes on: %s", reason)
        state.metrics.reloads.labels("refused").inc()
    state.metrics.show_models(state.repository.engines)
