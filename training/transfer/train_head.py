"""Train a head on fixed features, with out-of-fold figures, and then perhaps fine-tune the backbone."""

import sys
from dataclasses import dataclass, replace

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import DivergenceError
from training.backbones import open_blocks, weights_digest
from training.data.split import assign_folds
from training.epochs.batches import class_weights
from training.epochs.history import History
from training.epochs.train_epochs import finish_epochs, fit, load_best, make_repeatable
from training.job import Job, Predictions, Trained
from training.recipe import FineTuning, HeadRecipe
from training.transfer.features import extract_features, pixel_features

# With at most so many pictures their mirror images are learned from too; with more they change nothing.
MIRRORED_IMAGES = 600

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class _Features:
    """The network that ends in features, and those of every picture, and perhaps of its mirror image: [N, d]."""

    network: keras.Model
    plain: NDArray[np.float32]
    mirrored: NDArray[np.float32] | None = None


def train_head(recipe: HeadRecipe, job: Job) -> Trained:
    """Return the backbone with its fitted head; fine-tuned if that is asked for and better."""
    make_repeatable(job.config.seed)
    pictures = job.pictures
    if recipe.backbone is None:
        inputs = keras.Input(pictures.preprocessor.shape)
        network = keras.Model(inputs, keras.layers.Flatten()(inputs), name=recipe.name.replace("-", "_"))
        features = _Features(network, pixel_features(pictures))
    else:
        network = recipe.backbone.build(pictures.preprocessor.shape[0], recipe.weights)
        plain, mirrored = extract_features(network, pictures), None
        if len(pictures) <= MIRRORED_IMAGES:
            mirrored = extract_features(network, pictures, mirrored=True)
        features = _Features(network, plain, mirrored)
    if recipe.fine_tuning is None:
        return _fit_head(recipe, job, features, job.split.train)
    return _fine_tune(recipe, recipe.fine_tuning, job, features)


def _fit_head(recipe: HeadRecipe, job: Job, features: _Features, rows: Rows) -> Trained:
    """Fit the head in folds of `rows` for the figures, and on all of them for the network."""
    dataset, test = job.pictures.dataset, job.split.test
    weights, folds = np.zeros(len(dataset.targets), np.float32), np.full(len(dataset.targets), -1)
    balanced = recipe.balanced_classes
    weights[rows] = class_weights(dataset.targets[rows], len(dataset.labels)) if balanced else 1
    folds[rows] = assign_folds(dataset.targets[rows], job.split.origin[rows], job.config.seed)
    learned = features.plain, dataset.targets, weights, folds
    if features.mirrored is not None:
        both = np.concatenate([features.plain, features.mirrored])
        learned = both, np.tile(dataset.targets, 2), np.tile(weights / 2, 2), np.tile(folds, 2)
    head, out_of_fold = recipe.head.cross_validate(*learned)
    base = features.network
    probabilities = head.attach(base.outputs[0], *learned[:3])
    network = keras.Model(base.inputs[0], probabilities, name=base.name)
    calibration = reported = Predictions(rows, out_of_fold[rows])
    if len(test):
        reported = Predictions(test, _predict(network, features, test))
    phase = {"name": "head", "head": repr(head), "folds": int(folds.max()) + 1, "images": len(rows)}
    trained = Trained(network, rows, calibration, reported, "test" if len(test) else "out-of-fold", (phase,), History())
    return trained.calibrated(dataset.targets) if head.calibrated else trained


def _predict(network: keras.Model, features: _Features, rows: Rows) -> NDArray[np.float32]:
    """Return probabilities [n, classes] by the layers of `network` behind the features."""
    behind = keras.Model(features.network.outputs[0], network.outputs[0])
    probabilities: NDArray[np.float32] = behind.predict(features.plain[rows], verbose=0)
    return probabilities


def _fine_tune(recipe: HeadRecipe, tuning: FineTuning, job: Job, features: _Features) -> Trained:
    """Train the last blocks, and keep the result if the validation pictures say that it is better."""
    split, base, targets = job.split, features.network, job.pictures.dataset.targets[job.split.validation]
    frozen = _fit_head(recipe, job, features, split.train)
    likely = _predict(frozen.network, features, split.validation)
    accuracy = float((likely.argmax(axis=1) == targets).mean())
    loss = -float(np.log(np.maximum(likely[np.arange(len(targets)), targets], 1e-7)).mean())
    backbone = base.get_weights()
    layers = open_blocks(frozen.network, tuning.blocks)
    options = {"blocks": str(tuning.blocks), "backbone": weights_digest(base)}
    history, kept = History(), False
    phase = {"name": "fine-tuning", "layers": len(layers)}
    try:
        history = fit(frozen.network, tuning, recipe, job, options, baseline=accuracy)
    except DivergenceError as error:
        phase |= {"diverged": str(error)}
        found = str(error)
    else:
        best = history.epochs[history.best_epoch() - 1]
        kept = (best.validation_accuracy, -best.validation_loss) > (accuracy, -loss)
        phase |= {"epochs": len(history.epochs), "validation_accuracy": best.validation_accuracy}
        found = f"{best.validation_accuracy:.2%} of the validation images in epoch {history.best_epoch()}"
    verdict = "the fine-tuned network is kept" if kept else "the frozen backbone is kept"
    print(f"fine-tuning: {found}; {accuracy:.2%} with the frozen backbone; {verdict}", file=sys.stderr)
    phases = ({**frozen.phases[0], "validation_accuracy": accuracy}, {**phase, "kept": kept})
    if kept:
        return finish_epochs(load_best(job), job, phases, history)
    base.set_weights(backbone)
    trained = _fit_head(recipe, job, features, np.sort(np.concatenate([split.train, split.validation])))
    return replace(trained, phases=phases, history=history)
