"""Build the network of a recipe for one data set, and the compiled model that is trained."""

import keras

from edge.errors import UsageError
from training.networks.architecture import Architecture
from training.recipe import Recipe


def build_trainee(
    recipe: Recipe, architecture: Architecture, precision: str, seed: int
) -> tuple[keras.Model, keras.Model]:
    """Return the network, and the compiled model that is trained: the same behind the augmentation, if any."""
    keras.config.set_dtype_policy(precision)
    try:
        network = build_network(recipe, architecture)
        layers = recipe.augmentation(seed) if recipe.augmentation else ()
        trainee = keras.Sequential([keras.Input(network.input_shape[1:]), *layers, network]) if layers else network
    finally:
        keras.config.set_dtype_policy("float32")
    trainee.compile(
        optimizer=recipe.optimizer.make(recipe.schedule.rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network, trainee


def build_network(recipe: Recipe, architecture: Architecture) -> keras.Model:
    """Return a new network of the recipe. Raises UsageError if it has none."""
    if recipe.network is None:
        raise UsageError(f"the recipe {recipe.name} has no network to train")
    return recipe.network(architecture)


def copy_plain(network: keras.Model, recipe: Recipe, architecture: Architecture) -> keras.Model:
    """Return `network` in float32 and on one device, however it was trained."""
    plain = build_network(recipe, architecture)
    plain.set_weights(network.get_weights())
    return plain
