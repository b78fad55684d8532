"""Say what a training runs on, and refuse to run on the CPU where a GPU was asked for."""

import tensorflow as tf

from edge.errors import InstallationError
from edge.runtime import usable_cores


def choose_device(wanted: str, jobs: int | None = None) -> str:
    """Make TensorFlow use `wanted`, one of auto, cpu and gpu, and return a description of what it uses.

    With `jobs` it computes on no more cores than that, for which it must not have computed anything yet. Raises
    InstallationError if a GPU is wanted and TensorFlow finds none.
    """
    if jobs:
        tf.config.threading.set_intra_op_parallelism_threads(jobs)
        tf.config.threading.set_inter_op_parallelism_threads(jobs)
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise InstallationError("TensorFlow finds no GPU here; check the driver with 'nvidia-smi', or say --device cpu")
    if wanted == "cpu":
        tf.config.set_visible_devices([], "GPU")
    if gpus and wanted != "cpu":
        return f"{len(gpus)} GPU" + ("s" if len(gpus) > 1 else "")
    cores = jobs or usable_cores()
    return f"the CPU, {cores} core" + ("" if cores == 1 else "s")
