"""The work of a batch through Ray Data: a pool of actors, on this machine or a cluster, each with its own session.

All machines of a cluster need eyespot[ray,cpu], and the model and the files under the same paths.
"""

import logging
import os
from argparse import Namespace
from collections.abc import Iterator
from threading import Event
from typing import Any

# Read when ray is imported: no usage reports, and no log lines.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import ray.data

from edge.batch.inputs import Input
from edge.batch.rows import Row, RunConfig, compute_row, decode_row, encode_row
from edge.classifier import Classifier, Regions
from edge.errors import InstallationError, ModelError, UsageError, reason_of
from edge.runtime import usable_cores

# Inputs of an actor at once, and of one data set, whose inputs are held in memory.
BLOCK_INPUTS, CHUNK_INPUTS, CHUNK_HELD_BYTES = 64, 100_000, 1 << 30


def compute_on_ray(arguments: Namespace, config: RunConfig, inputs: Iterator[Input], stop: Event) -> Iterator[Row]:
    """Yield the row of each input, in order. Raises UsageError for the address, InstallationError without Ray."""
    address, actors = arguments.ray_address, arguments.threads or usable_cores()
    where = {"address": address} if address else {"num_cpus": actors, "include_dashboard": False}
    try:
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
        except ValueError as error:
            raise UsageError(f"--ray-address, or RAY_ADDRESS, must be HOST:PORT ({reason_of(error)})") from None
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order, context.enable_progress_bars = True, False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        pool = ray.data.ActorPoolStrategy(min_size=1, max_size=actors)
        given: dict[str, Any] = {"fn_constructor_args": (config, arguments.model), "compute": pool}
        whole: dict[str, Any] = {"batch_size": None, "batch_format": "numpy"}
        while not stop.is_set() and (chunk := _take_chunk(inputs)):
            items = ray.data.from_items(chunk, override_num_blocks=-(-len(chunk) // BLOCK_INPUTS))
            for block in items.map_batches(_Actor, **given, **whole).iter_batches(**whole):
                yield from map(decode_row, block["line"])
                if stop.is_set():
                    return
    except (ConnectionError, ray.exceptions.RayError, ray.data.exceptions.SystemException) as error:
        raise InstallationError(f"Ray gave up ({reason_of(error)}); --resume goes on with the rows so far") from None
    finally:
        ray.shutdown()


class _Actor:
    """One process of the pool."""

    def __init__(self, config: RunConfig, model: str) -> None:
        regions: Regions = config.regions or "none"
        self._config = config
        self._classifier = Classifier.load(model, 1, min_probability=config.min_probability, regions=regions)
        if self._classifier.spec.version != config.version:
            raise ModelError(f"{model}: another model has taken its place since the run began; begin again")

    def __call__(self, block: dict[str, Any]) -> dict[str, Any]:
        return {"line": [encode_row(compute_row(item, self._classifier, self._config)) for item in block["item"]]}


def _take_chunk(inputs: Iterator[Input]) -> list[Input]:
    chunk, held = list[Input](), 0
    while len(chunk) < CHUNK_INPUTS and held < CHUNK_HELD_BYTES and (item := next(inputs, None)):
        chunk.append(item)
        held += len(item.encoded or b"")
    return chunk
