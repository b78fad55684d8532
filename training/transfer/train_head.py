"""Train a head on fixed features, with out-of-fold figures, and then perhaps fine-tune the backbone."""

import sys
from dataclasses import replace

import keras
import numpy as np

from edge.errors import DivergenceError
from training.backbones import open_blocks, weights_digest
from training.data.split import assign_folds
from training.epochs.batches import class_weights
from training.epochs.history import History
from training.epochs.train_epochs import finish_epochs, fit, load_best, make_repeatable
from training.job import Job, Predictions, Trained
from training.recipe import FineTuning, HeadRecipe
from training.transfer.features import extract_features, pixel_features
from training.transfer.head import Floats, Rows

# With at most so many pictures their mirror images are learned from too; with more they change nothing.
MIRRORED_IMAGES = 600


def train_head(recipe: HeadRecipe, job: Job) -> Trained:
    """Return the backbone with its fitted head; fine-tuned if that is asked for and better."""
    make_repeatable(job.config.seed)
    pictures, shape = job.pictures, job.pictures.preprocessor.shape
    if recipe.backbone is None:
        inputs = keras.Input(shape)
        base = keras.Model(inputs, keras.layers.Flatten()(inputs), name=recipe.name.replace("-", "_"))
        features = pixel_features(pictures)
    else:
        base = recipe.backbone.build(shape[0], recipe.weights)
        features = extract_features(base, pictures)
        if len(pictures) <= MIRRORED_IMAGES:
            features = np.concatenate([features, extract_features(base, pictures, mirrored=True)])
    if recipe.fine_tuning is None:
        return _fit_head(recipe, job, base, features, job.split.train)
    return _fine_tune(recipe, recipe.fine_tuning, job, base, features)


def _fit_head(recipe: HeadRecipe, job: Job, base: keras.Model, features: Floats, rows: Rows) -> Trained:
    """Fit the head in folds of `rows` for the figures, and on all of them for the network.

    `features` are those of all pictures by `base`, perhaps followed by those of their mirror images.
    """
    dataset, test = job.pictures.dataset, job.split.test
    weights, folds = np.zeros(len(dataset.targets), np.float32), np.full(len(dataset.targets), -1)
    balanced = recipe.balanced_classes
    weights[rows] = class_weights(dataset.targets[rows], len(dataset.labels)) if balanced else 1
    folds[rows] = assign_folds(dataset.targets[rows], job.split.origin[rows], job.config.seed)
    views = len(features) // len(weights)
    learned = features, np.tile(dataset.targets, views), np.tile(weights / np.float32(views), views)
    head, out_of_fold = recipe.head.cross_validate(*learned, np.tile(folds, views))
    network = keras.Model(base.inputs[0], head.attach(base.outputs[0], *learned), name=base.name)
    calibration = reported = Predictions(rows, out_of_fold[rows])
    if len(test):
        reported = Predictions(test, _predict(network, base, features[test]))
    phase = {"name": "head", "head": repr(head), "folds": int(folds.max()) + 1, "images": len(rows)}
    trained = Trained(network, rows, calibration, reported, "test" if len(test) else "out-of-fold", (phase,))
    return trained.calibrated(dataset.targets) if head.calibrated else trained


def _predict(network: keras.Model, base: keras.Model, features: Floats) -> Floats:
    """Return probabilities [n, classes] by the layers of `network` behind `base`."""
    probabilities: Floats = keras.Model(base.outputs[0], network.outputs[0]).predict(features, verbose=0)
    return probabilities


def _fine_tune(recipe: HeadRecipe, tuning: FineTuning, job: Job, base: keras.Model, features: Floats) -> Trained:
    """Train the last blocks, and keep the result if the validation pictures say that it is better."""
    split, targets = job.split, job.pictures.dataset.targets[job.split.validation]
    frozen = _fit_head(recipe, job, base, features, split.train)
    likely = _predict(frozen.network, base, features[split.validation])
    accuracy = float((likely.argmax(axis=1) == targets).mean())
    loss = -float(np.log(np.maximum(likely[np.arange(len(targets)), targets], 1e-7)).mean())
    backbone, opened = base.get_weights(), open_blocks(frozen.network, tuning.blocks)
    options = {"blocks": str(tuning.blocks), "backbone": weights_digest(base)}
    history, kept = History(), False
    phase = {"name": "fine-tuning", "layers": len(opened)}
    try:
        history = fit(frozen.network, tuning, recipe, job, options, baseline=accuracy)
    except DivergenceError as error:
        found = str(error)
        phase["diverged"] = found
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
    trained = _fit_head(recipe, job, base, features, np.sort(np.concatenate([split.train, split.validation])))
    return replace(trained, phases=phases, history=history)
