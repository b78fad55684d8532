"""The training monitor (Starter Bundle, chapter 16): history as JSON, as a picture and as a page, kept current.

All are replaced as a whole after every epoch, on a thread of their own, so that drawing does not hold up the
training. The page refreshes itself while the training runs; it needs no server and loads nothing.
"""

import base64
import html
import json
import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import msgspec

from edge.files import replacing
from export.run_folder import RunFolder
from training.history import History, diagnose
from training.plots import HistoryPlot, draw_schedule, render_figure, save_figure
from training.recipe import Recipe
from training.schedules import curve
from training.state import State, write_state

REFRESH_S = 2
# More steps than these could not be told apart in the picture of the schedule, and millions take minutes.
DRAWN_STEPS = 2000

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh}
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
img {{ max-width: 100%; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
td, th {{ padding: .1rem .8rem; text-align: right; }}
.warning {{ background: #fff3cd; color: #553c00; padding: .5rem 1rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{status}</p>
{warnings}
<img src="data:image/png;base64,{picture}" alt="loss and accuracy over the epochs; figures below">
<table>
<tr><th>epoch</th><th>loss</th><th>accuracy</th><th>held-out loss</th><th>held-out accuracy</th><th>rate</th></tr>
{rows}
</table>
</body>
</html>
"""


def record_history(run: RunFolder, history: History, plot: HistoryPlot) -> bytes:
    """Write the history as figures and as a picture, and return the picture, a PNG."""
    with replacing(run.history) as temporary:
        temporary.write_text(json.dumps(msgspec.to_builtins(history), indent=2), encoding="utf-8")
    picture = render_figure(plot.draw(history))
    with replacing(run.history_plot) as temporary:
        temporary.write_bytes(picture)
    return picture


@contextmanager
def watching(run: RunFolder, recipe: Recipe, steps_per_epoch: int, classes: int) -> Iterator["Monitor"]:
    """Draw the learning rate to come, and yield a monitor that is closed however the block ends."""
    every = math.ceil(steps_per_epoch * recipe.epochs / DRAWN_STEPS)
    rates = curve(recipe.schedule, steps_per_epoch, recipe.epochs, every)
    title = f"{recipe.name}: {recipe.schedule.kind} schedule"
    save_figure(draw_schedule(rates, steps_per_epoch / every, title), run.schedule_plot)
    monitor = Monitor(run, recipe.name, recipe.epochs, classes)
    try:
        yield monitor
    finally:
        monitor.close()


class Monitor:
    """Writes the files of one training in the background; at most one epoch behind."""

    def __init__(self, run: RunFolder, title: str, epochs: int, classes: int) -> None:
        self._run = run
        self._title = title
        self._plot = HistoryPlot(title)
        self._epochs = epochs
        self._classes = classes
        self._thread = ThreadPoolExecutor(1, "monitor")
        self._pending: Future[None] | None = None
        self._shown: tuple[History, bytes] | None = None

    def update(self, history: History, state: State) -> None:
        """Write everything for the epoch that just ended.

        Raises OSError if that of the epoch before could not be written, for a full disk for instance.
        """
        self._wait()
        self._pending = self._thread.submit(self._write, history, state, True)

    def finish(self, history: History) -> None:
        """Write everything once more, for a training that is over. Raises OSError if it cannot be written."""
        self._wait()
        self._write(history, None, False)

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """End the thread, after what it is writing, and let the page of an interrupted training rest."""
        self._thread.shutdown()
        if self._shown:
            status = f"The training was interrupted after {len(self._shown[0].epochs)} of {self._epochs} epochs."
            with suppress(OSError):  # the disk may be full, which is then the reason that it was interrupted
                self._write_page(*self._shown, status, False)

    def _write(self, history: History, state: State | None, running: bool) -> None:
        if state is not None:
            write_state(state, self._run.state)
        picture = record_history(self._run, history, self._plot)
        done = len(history.epochs)
        status = f"Epoch {done} of {self._epochs} is over." if running else f"The training is over after {done} epochs."
        self._write_page(history, picture, status, running)

    def _write_page(self, history: History, picture: bytes, status: str, running: bool) -> None:
        with replacing(self._run.monitor_page) as temporary:
            temporary.write_text(self._page(history, picture, status, running), encoding="utf-8")
        self._shown = (history, picture) if running else None

    def _page(self, history: History, picture: bytes, status: str, running: bool) -> str:
        rows = [
            f"<tr><td>{i}</td><td>{e.loss:.4f}</td><td>{e.accuracy:.2%}</td><td>{e.held_out_loss:.4f}</td>"
            f"<td>{e.held_out_accuracy:.2%}</td><td>{e.learning_rate:.2e}</td></tr>"
            for i, e in enumerate(history.epochs, 1)
        ]
        return PAGE.format(
            refresh=f'<meta http-equiv="refresh" content="{REFRESH_S}">' if running else "",
            title=html.escape(self._title),
            status=status,
            warnings="\n".join(
                f'<p class="warning">{html.escape(sentence)}</p>' for sentence in diagnose(history, self._classes)
            ),
            picture=base64.b64encode(picture).decode("ascii"),
            rows="\n".join(reversed(rows)),
        )
