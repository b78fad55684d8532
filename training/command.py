"""Train a recipe on a data set and write a run folder that 'eyespot export' reads.

A data set is a name (digits, mnist, fashion-mnist, cifar10, cifar100), a folder that holds one folder of
images for each class (train/ and test/ above them are honoured), an .npz file, or a folder of IDX files.
Exit status: 0 done, 2 nothing was trained, 130 interrupted (--resume continues).
"""

import argparse
import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.cli import DONE
from edge.errors import EyespotError, UsageError
from export.quiet_tensorflow import start_tensorflow
from training.train_arguments import add_arguments as add_arguments

if TYPE_CHECKING:
    from export.run_folder import RunFolder
    from training.dataset import Dataset
    from training.practice import Practice
    from training.recipe import Recipe
    from training.train import Material, Trained


def run(arguments: argparse.Namespace) -> int:
    """Train, write the run folder, print what was reached and return the exit status."""
    start_tensorflow()
    from training.device import choose_device
    from training.recipe_options import change_recipe, choose_practice
    from training.recipes import load_recipe, recipe_table
    from training.train import assist

    if arguments.list:
        print(recipe_table())
        return DONE
    if arguments.recipe is None:
        raise UsageError("name a recipe; 'eyespot train --list' shows them")
    recipe = change_recipe(load_recipe(arguments.recipe), arguments)
    print(f"training on {choose_device(arguments.device, arguments.jobs)}", file=sys.stderr)
    practice = choose_practice(arguments)
    dataset = _load(recipe, arguments)
    if not practice.spread.is_chief:
        assist(recipe, practice, _gather(recipe, dataset, arguments))
        print("done; the chief writes the run", file=sys.stderr)
        return DONE
    output = _choose_output(recipe, dataset, arguments)
    material = _gather(recipe, dataset, arguments)
    _report(_train_into(output, recipe, practice, material, arguments), output)
    return DONE


def _train_into(
    output: Path, recipe: "Recipe", practice: "Practice", material: "Material", arguments: argparse.Namespace
) -> "Trained":
    """Train and finish the run folder `output`; what was reached before an interruption stays in it."""
    from training.claim_run import claimed_run_folder
    from training.train import train
    from training.write_run import describe_model, finish_run

    with claimed_run_folder(output, arguments.resume) as run, _saying_what_is_kept(run):
        if arguments.resume and not run.state.is_file():
            print(f"eyespot: {output} holds no training to go on with; this one starts anew", file=sys.stderr)
        trained = train(recipe, practice, material, run, arguments.resume)
        threshold = _choose_threshold(trained, material, arguments.answer_accuracy)
        spec = describe_model(trained, recipe, material, output.resolve().name, arguments.seed, threshold)
        finish_run(trained, spec, material, run)
    return trained


@contextmanager
def _saying_what_is_kept(run: "RunFolder") -> Iterator[None]:
    """Say of an interruption, or of a disk that is full, how to go on where an epoch was finished."""
    try:
        yield
    except KeyboardInterrupt:
        if run.state.is_file():
            said = f"interrupted; continue with the same command and --resume ({run.path})"
            print(f"\neyespot: {said}", file=sys.stderr)
        raise
    except OSError as error:
        if isinstance(error, EyespotError) or not run.state.is_file():
            raise
        room = "make room and " if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else ""
        kept = f"{error.strerror}; the last good epoch is kept, {room}continue with the same command and --resume"
        raise OSError(error.errno, kept, error.filename) from None


def _report(trained: "Trained", output: Path) -> None:
    from training.history import diagnose

    report = trained.report
    for warning in diagnose(trained.history, len(report.classes)) if trained.history.epochs else ():
        print(f"eyespot: {warning}", file=sys.stderr)
    print(f"{output}: {report.accuracy:.2%} of {report.images:,} held-out images, {len(report.classes)} classes")
    print(f"next: eyespot export {output}")


def _choose_threshold(trained: "Trained", material: "Material", wanted_accuracy: float | None) -> float | None:
    """Return the probability below which the model is to be unsure, and say what that costs."""
    from training.abstention import find_abstention

    if wanted_accuracy is None:
        return None
    targets = material.dataset.targets[np.sort(material.split.held_out)]
    found = find_abstention(trained.probabilities, targets, wanted_accuracy)
    print(
        f"unsure below {found.below:.2%}: {found.answered:.2%} of the held-out images are answered, "
        f"{found.accuracy:.2%} of the answers are right",
        file=sys.stderr,
    )
    return found.below


def _load(recipe: "Recipe", arguments: argparse.Namespace) -> "Dataset":
    """Return the data set that is named, of which nothing but the names was read."""
    from training.datasets import load_dataset
    from training.suitability import require_class_count

    name = arguments.dataset or recipe.dataset
    if not name:
        raise UsageError(f"the recipe {recipe.name} has no data set of its own; name one with --dataset")
    dataset = load_dataset(name, arguments.class_depth)
    require_class_count(recipe, dataset)
    return dataset


def _choose_output(recipe: "Recipe", dataset: "Dataset", arguments: argparse.Namespace) -> Path:
    """Return where the run goes. Raises UsageError or OutputError, before hours of work, if it cannot go there."""
    from training.claim_run import require_free
    from training.datasets import require_outside

    output = Path(arguments.output or f"runs/{recipe.name}-{dataset.name}")
    for written in filter(None, (output, arguments.tensorboard)):
        require_outside(written, arguments.dataset or recipe.dataset)
    require_free(output, arguments.resume)
    return output


def _gather(recipe: "Recipe", dataset: "Dataset", arguments: argparse.Namespace) -> "Material":
    """Prepare and divide the data, and say on standard error what is worth knowing about it."""
    from training.prepare_dataset import prepare_dataset
    from training.split import describe_split, split_dataset
    from training.suitability import require_suitable
    from training.train import Material

    dataset, prepared = prepare_dataset(dataset, recipe.preprocessing, arguments.skip_bad, arguments.jobs)
    split = split_dataset(dataset, prepared.hashes, recipe.held_out_share, arguments.seed)
    require_suitable(dataset, split)
    for line in describe_split(dataset, split, recipe.balanced_classes):
        print(line, file=sys.stderr)
    return Material(dataset, prepared, split)
