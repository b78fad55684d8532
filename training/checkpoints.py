"""Keep networks of a training besides the last one: the best, or every one that was better than all before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras

from edge.files import replacing
from training.history import History

Which = Literal["none", "best", "improvements"]
BEST = "best.keras"


@dataclass(frozen=True)
class Checkpoints:
    """Which networks are kept in `folder`: by the held-out loss, the lower the better.

    `best` keeps one, `best.keras`; `improvements` keeps the newest `keep_last` as `epoch_007_loss_0.0567.keras`
    and `best.keras` as well.
    """

    folder: Path
    which: Which
    keep_last: int

    def after_epoch(self, history: History, network: keras.Model) -> None:
        """Write what is to be kept, if the epoch that just ended is the best so far."""
        if self.which == "none" or history.best_epoch() != len(history.epochs):
            return
        self._save(network, BEST)
        if self.which == "improvements":
            loss = history.epochs[-1].held_out_loss
            self._save(network, f"epoch_{len(history.epochs):03}_loss_{loss:.4f}.keras")
            kept = sorted(self.folder.glob("epoch_*.keras"), key=lambda path: int(path.name.split("_")[1]))
            for old in kept[: -self.keep_last]:
                old.unlink()

    def restore_best(self, network: keras.Model) -> None:
        """Give `network` the weights of the best epoch, where they were kept."""
        if self.which != "none":
            network.load_weights(self.folder / BEST)

    def _save(self, network: keras.Model, name: str) -> None:
        with replacing(self.folder / name) as temporary:
            network.save(temporary)
