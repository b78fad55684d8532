"""Four habits of BentoML's process manager changed.

BentoML has no option for any of them: that a worker which died is replaced inside a container as well; that
SIGHUP goes to the workers, which take up new model files, where otherwise all of them would be restarted; that
the metrics of a service lie in a folder of its own, where otherwise another service that the same user starts
would empty it; and that connections are shared out among the workers, where otherwise one can get them all, and idle
ones ended, where otherwise they stay.
"""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any

import bentoml.serving
import uvicorn

from serving.fair_server import FairServer
from serving.settings import Settings

# In the environment of workers that 'eyespot serve' started.
MARK = "_EYESPOT_SUPERVISED"
# Settings that are options of BentoML's command line, which 'eyespot serve' writes and others have to write themselves.
OF_THE_COMMAND = ("host", "port", "ssl_certfile", "ssl_keyfile", "shutdown_timeout_s")


def without_effect(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the settings that were given and that nobody heeds, under plain `bentoml serve`."""
    if MARK in environment:
        return []
    return [name for name in OF_THE_COMMAND if getattr(settings, name) != getattr(Settings(), name)]


def change_habits() -> None:
    """Have BentoML do so from now on. `serving.service` calls it when it is imported.

    BentoML's command line imports the service before it starts anything, of a bento as well.
    """
    bentoml.serving.create_watcher = start_watched
    bentoml.serving.ensure_prometheus_dir = make_metrics_folder
    uvicorn.Server = FairServer  # type: ignore[misc]  # what a worker of BentoML looks up when it begins to listen


def end_idle_connections(after_s: float) -> None:
    """Have the server of this worker end connections on which nothing has been asked for `after_s` seconds."""
    uvicorn.Server = partial(FairServer, idle_timeout_s=after_s)  # type: ignore[assignment,misc]


def make_metrics_folder(*_: Any, **__: Any) -> str:
    """Return an empty folder that is gone when this process ends."""
    folder = tempfile.mkdtemp(prefix="eyespot-metrics-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start_watched(*arguments: Any, **options: Any) -> Any:
    """Return BentoML's watcher over a group of processes, told of the first two."""
    watcher = _create_watcher(*arguments, **options)
    watcher.respawn = True
    watcher.send_hup = True
    return watcher


_create_watcher = bentoml.serving.create_watcher


def main() -> None:
    """Run BentoML's command line on the arguments of this process. Does not return."""
    from bentoml_cli.cli import cli

    os.environ[MARK] = "1"
    change_habits()
    sys.exit(cli())
