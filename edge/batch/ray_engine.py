"""The same work through Ray Data: a pool of actors, on this machine or a cluster, each with the model loaded once.

It exists for more images than one machine gets through. Rows come back to this process in order and go into the same
ledger, so that resume, totals and every format work as ever. Files are read where the actors run: on a cluster all
machines must have eyespot[ray,cpu] and see the files under the same paths.
"""

import logging
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from edge.batch.packed import PackedClassifier
from edge.batch.row import Row, from_line, to_line
from edge.batch.work import Work
from edge.errors import InstallationError, UsageError, reason_of

# Inputs that an actor takes at once, and those of one data set: its list of inputs is held in memory.
BLOCK_INPUTS = 64
CHUNK_INPUTS = 100_000
CHUNK_HELD_BYTES = 1 << 30


@dataclass(frozen=True)
class RayEngine:
    """Inputs to rows on Ray; `actors` processes at most, of which each works on one block at a time.

    `packed` is the classifier of `work` as it travels to the actors. `address` is that of a cluster; None starts
    Ray here for the time of the run.
    """

    packed: PackedClassifier
    work: Work
    actors: int
    address: str | None

    def __call__(self, inputs: Iterator[Input], stop: Event) -> Iterator[Row]:
        """Yield the row of each input, in order.

        Raises UsageError for an address that cannot be, InstallationError if Ray does not start or is lost.
        """
        try:
            self._start_ray()
            _prepare_ray_data()
            while not stop.is_set() and (chunk := _take_chunk(inputs)):
                yield from self._rows(chunk, stop)
        except (ConnectionError, ray.exceptions.RayError, ray.data.exceptions.SystemException) as error:
            reason = reason_of(error)
            raise InstallationError(f"Ray gave up ({reason}); --resume goes on with the rows so far") from None
        finally:
            ray.shutdown()

    def _start_ray(self) -> None:
        where = {"address": self.address} if self.address else {"num_cpus": self.actors, "include_dashboard": False}
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
        except ValueError as error:
            raise UsageError(
                f"the address of a cluster, from --ray-address or RAY_ADDRESS, must be HOST:PORT ({reason_of(error)})"
            ) from None

    def _rows(self, chunk: list[bytes], stop: Event) -> Iterator[Row]:
        blocks = -(-len(chunk) // BLOCK_INPUTS)
        work = (self.packed, self.work.top_k, self.work.max_pixels, self.work.fast_decode)
        rows = ray.data.from_arrow(pa.table({"input": pa.array(chunk, pa.large_binary())})).repartition(blocks)
        rows = rows.map_batches(
            _Actor,
            fn_constructor_args=work,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=self.actors),
            batch_size=None,
            batch_format="pyarrow",
        )
        for batch in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
            table: Any = batch
            for line, seconds in zip(table["line"].to_pylist(), table["seconds"].to_pylist(), strict=True):
                yield replace(from_line(line), seconds=seconds)
            if stop.is_set():
                return


class _Actor:
    """One process of the pool."""

    def __init__(self, packed: PackedClassifier, *options: Any) -> None:
        self._work = Work(packed.load(), *options)

    def __call__(self, batch: pa.Table) -> pa.Table:
        # This very program packed them; nothing from outside is unpickled.
        rows = self._work([pickle.loads(packed) for packed in batch["input"].to_pylist()])  # noqa: S301
        return pa.table({"line": [to_line(row) for row in rows], "seconds": [row.seconds for row in rows]})


def _take_chunk(inputs: Iterator[Input]) -> list[bytes]:
    chunk: list[bytes] = []
    held = 0
    while len(chunk) < CHUNK_INPUTS and held < CHUNK_HELD_BYTES and (item := next(inputs, None)):
        chunk.append(pickle.dumps(item))
        held += item.held_bytes
    return chunk


def _prepare_ray_data() -> None:
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
