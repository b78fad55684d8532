"""The same work through Ray Data: a pool of actors, on this machine or a cluster, each with the model loaded once.

Rows come back to this process in order and go into the same journal, so that resume, totals and every format work as
ever. On a cluster all machines must have eyespot[ray,cpu] and see the model and the files under the same paths.
"""

import logging
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

# Read when ray is imported: no reports to its makers, and no log lines of a library among ours.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import pyarrow as pa
import ray
import ray.data

from edge.batch.inputs import Input
from edge.batch.rows import Row, compute_row, decode_row, encode_row
from edge.batch.run_config import RunConfig
from edge.classifier import Classifier
from edge.errors import InstallationError, ModelError, UsageError, reason_of
from edge.image import prefer_opencv

# Inputs that an actor takes at once, and those of one data set: its list of inputs is held in memory.
BLOCK_INPUTS = 64
CHUNK_INPUTS, CHUNK_HELD_BYTES = 100_000, 1 << 30


@dataclass(frozen=True)
class RayEngine:
    """Inputs to rows on Ray, by at most `actors` processes, each with the model of the `config` from the file `model`.

    `address` is that of a cluster; None starts Ray here for the time of the run.
    """

    model: str
    face_model: str | None
    config: RunConfig
    actors: int
    address: str | None

    def __call__(self, inputs: Iterator[Input], stop: Event) -> Iterator[Row]:
        """Yield the row of each input, in order.

        Raises UsageError for an address that cannot be, InstallationError if Ray does not start or is lost.
        """
        where = {"address": self.address} if self.address else {"num_cpus": self.actors, "include_dashboard": False}
        try:
            try:
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
            except ValueError as error:
                raise UsageError(f"--ray-address (or RAY_ADDRESS) must be HOST:PORT ({reason_of(error)})") from None
            context = ray.data.DataContext.get_current()
            context.execution_options.preserve_order = True
            context.enable_progress_bars = False
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            while not stop.is_set() and (chunk := _take_chunk(inputs)):
                blocks = ray.data.from_arrow(pa.table({"input": pa.array(chunk, pa.large_binary())}))
                lines = blocks.repartition(-(-len(chunk) // BLOCK_INPUTS)).map_batches(
                    _Actor,
                    fn_constructor_args=(self,),
                    compute=ray.data.ActorPoolStrategy(min_size=1, max_size=self.actors),
                    batch_size=None,
                    batch_format="pyarrow",
                )
                for batch in lines.iter_batches(batch_size=None, batch_format="pyarrow"):
                    table: Any = batch
                    yield from map(decode_row, table["line"].to_pylist())
                    if stop.is_set():
                        return
        except (ConnectionError, ray.exceptions.RayError, ray.data.exceptions.SystemException) as error:
            raise InstallationError(
                f"Ray gave up ({reason_of(error)}); --resume goes on with the rows so far"
            ) from None
        finally:
            ray.shutdown()


class _Actor:
    """One process of the pool."""

    def __init__(self, engine: RayEngine) -> None:
        self._config, options = engine.config, {"face_model": engine.face_model}
        options |= {"regions": self._config.regions or "none", "min_probability": self._config.min_probability}
        self._classifier = Classifier.load(engine.model, 1, **options)
        if self._classifier.spec.version != self._config.version:
            raise ModelError(f"{engine.model}: another model took its place while the run began; begin again")
        prefer_opencv()

    def __call__(self, batch: pa.Table) -> pa.Table:
        # This very program packed them; nothing from outside is unpickled.
        items = (pickle.loads(packed) for packed in batch["input"].to_pylist())  # noqa: S301
        return pa.table({"line": [encode_row(compute_row(item, self._classifier, self._config)) for item in items]})


def _take_chunk(inputs: Iterator[Input]) -> list[bytes]:
    chunk: list[bytes] = []
    held = 0
    while len(chunk) < CHUNK_INPUTS and held < CHUNK_HELD_BYTES and (item := next(inputs, None)):
        chunk.append(pickle.dumps(item))
        held += item.held_bytes
    return chunk
