"""BentoML's command line, with two habits of its process manager changed.

BentoML has no option for either: that a worker which died is replaced inside a container as well, and that
SIGHUP goes to the workers, which take up new model files, where otherwise all of them would be restarted.
"""

import sys
from typing import Any

import bentoml.serving
from bentoml_cli.cli import cli


def start_watched(*arguments: Any, **options: Any) -> Any:
    """Return BentoML's watcher over a group of processes, told of both."""
    watcher = _create_watcher(*arguments, **options)
    watcher.respawn = True
    watcher.send_hup = True
    return watcher


_create_watcher = bentoml.serving.create_watcher


def main() -> None:
    """Run BentoML's command line on the arguments of this process. Does not return."""
    bentoml.serving.create_watcher = start_watched
    sys.exit(cli())
