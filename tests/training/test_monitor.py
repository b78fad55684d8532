"""The monitor: its page and its files, looked at with other programs' eyes."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.run_folder import RunFolder
from training.history import Epoch, History
from training.monitor import Monitor, watching
from training.recipes import load_recipe
from training.schedules import Cosine
from training.state import Plan, State, parse_state

PLAN = Plan("lenet <&>", "00", seed=1, epochs=3, batch_size=8, options={})


def history(epochs: int) -> History:
    return History(tuple(Epoch(1 / (i + 1), 0.5 + 0.1 * i, 1.1 / (i + 1), 0.5 + 0.1 * i, 0.01) for i in range(epochs)))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def watch(run: RunFolder, finished: bool) -> str:
    monitor = Monitor(run, "lenet <&>", epochs=3, classes=2)
    monitor.update(history(1), State(PLAN, history(1), (np.arange(3),)))
    monitor.update(history(2), State(PLAN, history(2), (np.arange(4),)))
    if finished:
        monitor.finish(history(2))
    monitor.close()
    return run.monitor_page.read_text(encoding="utf-8")


def test_a_schedule_of_more_steps_than_can_be_drawn_is_sampled(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[list[float], float]] = []
    monkeypatch.setattr("training.monitor.save_figure", lambda *_: None)
    monkeypatch.setattr("training.monitor.draw_schedule", lambda rates, per_epoch, _: drawn.append((rates, per_epoch)))
    recipe = replace(load_recipe("lenet"), schedule=Cosine(1.0), epochs=100)
    with watching(run, recipe, steps_per_epoch=10**7, classes=2):
        pass
    ((rates, per_epoch),) = drawn
    assert (len(rates), per_epoch) == (2000, 20)
    # A quarter of the way is the cosine of 45 degrees.
    assert rates[500] == pytest.approx(0.5 * (1 + math.sqrt(0.5)))


def test_a_running_page_refreshes_itself_and_a_finished_one_does_not(run: RunFolder) -> None:
    monitor = Monitor(run, "lenet", epochs=3, classes=2)
    for epochs in (1, 2):  # what the first update writes is there when the second returns
        monitor.update(history(epochs), State(PLAN, history(epochs), ()))
    assert 'http-equiv="refresh"' in run.monitor_page.read_text(encoding="utf-8")
    monitor.close()
    assert 'http-equiv="refresh"' not in watch(run, finished=True)


def test_the_page_of_an_interrupted_training_rests_and_says_so(run: RunFolder) -> None:
    page = watch(run, finished=False)
    assert 'http-equiv="refresh"' not in page
    assert "The training was interrupted after 2 of 3 epochs." in page
    assert "The training is over after 2 epochs." in watch(run, finished=True)


def test_the_page_is_whole_and_loads_nothing(run: RunFolder) -> None:
    page = watch(run, finished=False)
    assert not re.search(r"https?://|<script", page)
    assert "lenet &lt;&amp;&gt;" in page
    cells: list[str] = []

    class Cells(HTMLParser):
        def handle_data(self, data: str) -> None:
            cells.append(data.strip())

    Cells().feed(page)
    assert {"2", "0.5000", "60.00%", "0.5500"} <= set(cells)


def test_history_picture_and_state_are_of_the_last_epoch(run: RunFolder) -> None:
    watch(run, finished=False)
    epochs = json.loads(run.history.read_text())["epochs"]
    assert [epoch["loss"] for epoch in epochs] == [1.0, 0.5]
    with Image.open(run.history_plot) as picture:
        assert picture.size == (1100, 440)
    with run.state.open("rb") as file:
        state = parse_state(file, "state.npz")
    assert state.history == history(2)
    assert state.variables[0].tolist() == [0, 1, 2, 3]


def test_a_disk_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    monitor = Monitor(RunFolder(tmp_path / "file"), "x", epochs=3, classes=2)
    monitor.update(history(1), State(PLAN, history(1), ()))
    with pytest.raises(OSError, match="file"):
        monitor.finish(history(1))
    monitor.close()
