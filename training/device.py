"""Say what a training runs on, and refuse to run on the CPU where a GPU was asked for."""

import os

import tensorflow as tf

from edge.errors import InstallationError


def choose_device(wanted: str) -> str:
    """Make TensorFlow use `wanted`, one of auto, cpu and gpu, and return a description of what it uses.

    Raises InstallationError if a GPU is wanted and TensorFlow finds none.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise InstallationError("TensorFlow finds no GPU here; check the driver with 'nvidia-smi', or say --device cpu")
    if wanted == "cpu":
        tf.config.set_visible_devices([], "GPU")
    if gpus and wanted != "cpu":
        return f"{len(gpus)} GPU" + ("s" if len(gpus) > 1 else "")
    return f"the CPU, {os.cpu_count()} cores"
