"""Which networks are kept, and which of them goes first."""

from pathlib import Path
from typing import Any, cast

from training.checkpoints import BEST, Checkpoints
from training.history import Epoch, History


class Network:
    """What a checkpoint needs of a network."""

    def save(self, path: Path) -> None:
        path.write_bytes(b"weights")


def test_the_newest_improvements_are_kept_past_a_thousand_epochs(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "improvements", keep_last=2)
    epochs = (Epoch(1.0, 0.5, 1.0, 0.5, 0.01),) * 997
    for number in range(998, 1003):
        epochs = (*epochs, Epoch(1.0, 0.5, 1 / number, 0.5, 0.01))
        checkpoints.after_epoch(History(epochs), cast("Any", Network()))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        BEST,
        "epoch_1001_loss_0.0010.keras",
        "epoch_1002_loss_0.0010.keras",
    ]
