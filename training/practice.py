"""What is decided for one training and not by its recipe."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import keras

from edge.errors import MissingExtraError
from training.checkpoints import Which
from training.initializers import DEFAULT_INITIALIZER, require_initializer
from training.strategy import IN_ONE_PIECE, Spread, require_spreadable
from training.train_arguments import KEEP_LAST

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]


@dataclass(frozen=True)
class Practice:
    """Raises, before anything is done, UsageError for what does not go together and MissingExtraError."""

    seed: int
    initializer: str = DEFAULT_INITIALIZER
    checkpoints: Which = "none"
    keep_last: int = KEEP_LAST
    early_stopping_epochs: int | None = None
    precision: Precision = "float32"
    tensorboard: Path | None = None
    spread: Spread = IN_ONE_PIECE

    def __post_init__(self) -> None:
        require_initializer(self.initializer)
        require_spreadable(self.spread, self.precision)
        if self.tensorboard and find_spec("tensorboard") is None:
            raise MissingExtraError(
                "--tensorboard needs the package tensorboard; install it with: pip install tensorboard"
            )

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return what is to be told of every step besides the monitor."""
        return [keras.callbacks.TensorBoard(str(self.tensorboard))] if self.tensorboard else []
