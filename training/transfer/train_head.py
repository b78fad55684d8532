"""Train a head on fixed features, with out-of-fold figures, and then perhaps fine-tune the backbone."""

import sys
from dataclasses import dataclass, replace

import keras
import numpy as np
from numpy.typing import NDArray

from export.evaluation import fit_temperature
from export.run_folder import RunFolder
from training.backbones import open_blocks, weights_digest
from training.config import TrainConfig
from training.data.split import assign_folds
from training.epochs.batches import class_weights
from training.epochs.fit import FitConfig, make_repeatable, predict
from training.epochs.schedules import Cosine
from training.epochs.train_epochs import Loop, save_schedule
from training.material import Material, Trained
from training.recipe import FineTuning, HeadRecipe
from training.report.calibration import apply_temperature, with_temperature
from training.transfer.features import Extractor, extract_features, pixel_features
from training.transfer.head import Head

# With at most so many pictures their mirror images are learned from too; with more they change nothing.
MIRRORED_IMAGES = 600


def train_head(recipe: HeadRecipe, config: TrainConfig, material: Material, run: RunFolder) -> Trained:
    """Return the backbone with its fitted head; fine-tuned if that is asked for and better."""
    make_repeatable(config.seed)
    features = _extract(recipe, material)
    if recipe.fine_tuning is None:
        return _train_frozen(recipe, config, material, features)
    return _fine_tune(recipe, recipe.fine_tuning, config, material, run, features)


@dataclass(frozen=True)
class _Features:
    """The network that ends in features, and those of every picture, and perhaps of its mirror image: [N, d]."""

    network: keras.Model
    plain: NDArray[np.float32]
    mirrored: NDArray[np.float32] | None

    def rows(
        self, rows: NDArray[np.int64], targets: NDArray[np.int64], weights: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
        """Return features, targets and weights of `rows` to learn from, followed by those of their mirror images."""
        plain = self.plain if len(rows) == len(self.plain) else self.plain[rows]
        if self.mirrored is None:
            return plain, targets[rows], weights
        both = np.concatenate([plain, self.mirrored[rows]])
        return both, np.tile(targets[rows], 2), np.tile(weights / 2, 2)


def _extract(recipe: HeadRecipe, material: Material) -> _Features:
    pictures = material.prepared.pictures
    if recipe.backbone is None:
        inputs = keras.Input(pictures.shape)
        network = keras.Model(inputs, keras.layers.Flatten()(inputs), name=recipe.name.replace("-", "_"))
        return _Features(network, pixel_features(pictures, material.folder), None)
    network = recipe.backbone.build(pictures.shape[0], recipe.weights)
    extractor = Extractor(network, weights_digest(network), recipe.preprocessing)
    plain = extract_features(extractor, pictures, material.store, material.folder)
    mirrored = None
    if len(pictures) <= MIRRORED_IMAGES:
        mirrored = extract_features(extractor, pictures, material.store, material.folder, mirrored=True)
    return _Features(network, plain, mirrored)


def _train_frozen(recipe: HeadRecipe, config: TrainConfig, material: Material, features: _Features) -> Trained:
    """Fit the head in folds for the figures and on all pictures but those of the test part for the network."""
    split, targets = material.split, material.prepared.dataset.targets
    fitted = _fit_head(recipe, config, material, features, split.train)
    temperature = fit_temperature(fitted.probabilities, targets[split.train]) if fitted.head.calibrated else 1.0
    network = with_temperature(fitted.network, temperature) if fitted.head.calibrated else fitted.network
    out_of_fold = (
        apply_temperature(fitted.probabilities, temperature) if fitted.head.calibrated else fitted.probabilities
    )
    rows, probabilities = split.train, out_of_fold
    if len(split.test):
        rows, probabilities = split.test, _predict(network, features, split.test)
    phase = {"name": "head", "head": repr(fitted.head), "folds": fitted.folds, "images": len(split.train)}
    return Trained(
        network=network,
        temperature=temperature,
        evaluated_on="test" if len(split.test) else "out-of-fold",
        rows=rows,
        probabilities=probabilities,
        calibration_rows=split.train,
        calibration_probabilities=out_of_fold,
        trained_rows=split.train,
        phases=(phase,),
    )


@dataclass(frozen=True)
class _FittedHead:
    """A head with its settings chosen, its network, and out-of-fold probabilities [n, classes]."""

    head: Head
    network: keras.Model
    probabilities: NDArray[np.float32]
    folds: int


def _fit_head(
    recipe: HeadRecipe, config: TrainConfig, material: Material, features: _Features, rows: NDArray[np.int64]
) -> _FittedHead:
    dataset = material.prepared.dataset
    targets = dataset.targets
    weights = np.ones(len(rows), np.float32)
    if recipe.balanced_classes:
        weights = class_weights(targets[rows], len(dataset.labels))
    folds = assign_folds(targets[rows], material.split.origin[rows], config.seed)
    learned, learned_targets, learned_weights = features.rows(rows, targets, weights)
    learned_folds = np.tile(folds, len(learned) // len(rows))
    head, probabilities = recipe.head.cross_validate(learned, learned_targets, learned_weights, learned_folds)
    attach = head.fit(learned, learned_targets, learned_weights)
    network = keras.Model(features.network.inputs[0], attach(features.network.outputs[0]), name=features.network.name)
    return _FittedHead(head, network, probabilities[: len(rows)], int(folds.max()) + 1)


def _predict(network: keras.Model, features: _Features, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return probabilities [n, classes] by the layers of `network` behind the features."""
    behind = keras.Model(features.network.outputs[0], network.outputs[0])
    probabilities: NDArray[np.float32] = behind.predict(features.plain[rows], verbose=0)
    return probabilities


def _fine_tune(
    recipe: HeadRecipe,
    tuning: FineTuning,
    config: TrainConfig,
    material: Material,
    run: RunFolder,
    features: _Features,
) -> Trained:
    """Train the last blocks on, and keep what came of it if the validation pictures say that it is better."""
    split, targets = material.split, material.prepared.dataset.targets
    frozen = _fit_head(recipe, config, material, features, split.train)
    before = _score(_predict(frozen.network, features, split.validation), targets[split.validation])
    network = frozen.network
    opened = open_blocks(network, tuning.blocks)
    schedule = Cosine(tuning.rate, tuning.warm_up)
    steps = -(-len(split.train) // tuning.batch_size)
    network.compile(tuning.optimizer.make(tuning.rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    save_schedule(run, schedule, steps, tuning.epochs, recipe.name)
    loop = Loop(material, run, config, tuning.batch_size, tuning.augmentation, recipe.balanced_classes)
    options = {
        "blocks": str(tuning.blocks),
        "backbone": weights_digest(features.network),
        "optimizer": repr(tuning.optimizer),
    }
    fit_config = FitConfig(schedule, tuning.epochs, tuning.early_stopping_epochs)
    history = loop.run(network, fit_config, recipe.name, options, baseline=before[0])
    best = history.epochs[history.best_epoch() - 1]
    kept = (best.validation_accuracy, -best.validation_loss) > before
    print(
        f"fine-tuning: {best.validation_accuracy:.2%} of the validation images in epoch {history.best_epoch()}, "
        f"{before[0]:.2%} with the frozen backbone; {'kept' if kept else 'not kept'}",
        file=sys.stderr,
    )
    phases = (
        {"name": "head", "head": repr(frozen.head), "validation_accuracy": before[0]},
        {"name": "fine-tuning", "epochs": len(history.epochs), "layers": len(opened), "kept": kept}
        | {"validation_accuracy": best.validation_accuracy},
    )
    if not kept:
        network = (
            recipe.backbone.build(material.prepared.pictures.shape[0], recipe.weights) if recipe.backbone else network
        )
        rows = np.sort(np.concatenate([split.train, split.validation]))
        refit = replace(material, split=replace(split, train=rows, validation=rows[:0]))
        trained = _train_frozen(recipe, config, refit, replace(features, network=network))
        return replace(trained, phases=phases, history=history)
    network = keras.models.load_model(loop.checkpoints.best, compile=False)
    temperature = fit_temperature(predict(network, loop.batches(split.validation)), targets[split.validation])
    network = with_temperature(network, temperature)
    return Trained(
        network=network,
        temperature=temperature,
        evaluated_on="test",
        rows=split.test,
        probabilities=predict(network, loop.batches(split.test)),
        calibration_rows=split.validation,
        calibration_probabilities=predict(network, loop.batches(split.validation)),
        trained_rows=split.train,
        phases=phases,
        history=history,
    )


def _score(probabilities: NDArray[np.float32], targets: NDArray[np.int64]) -> tuple[float, float]:
    """Return accuracy and negative log loss: the larger, the better."""
    likely = np.maximum(probabilities[np.arange(len(targets)), targets], 1e-7)
    return float((probabilities.argmax(axis=1) == targets).mean()), float(np.log(likely).mean())
