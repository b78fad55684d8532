"""Two habits of BentoML's process manager changed.

BentoML has no option for either: that a worker which died is replaced inside a container as well, and that
SIGHUP goes to the workers, which take up new model files, where otherwise all of them would be restarted.
"""

import sys
from typing import Any

import bentoml.serving


def change_habits() -> None:
    """Have every watcher that BentoML makes from now on know of both. `serving.service` calls it when it is imported.

    BentoML's command line imports the service before it makes watchers, of a bento as well.
    """
    if bentoml.serving.create_watcher is not start_watched:
        bentoml.serving.create_watcher = start_watched


def start_watched(*arguments: Any, **options: Any) -> Any:
    """Return BentoML's watcher over a group of processes, told of both."""
    watcher = _create_watcher(*arguments, **options)
    watcher.respawn = True
    watcher.send_hup = True
    return watcher


_create_watcher = bentoml.serving.create_watcher


def main() -> None:
    """Run BentoML's command line on the arguments of this process. Does not return."""
    from bentoml_cli.cli import cli

    change_habits()
    sys.exit(cli())
