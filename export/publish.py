"""`--triton` and `--bento`: hand a finished artifact on to somebody else's store, after its export or later."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from edge.errors import UsageError


@dataclass(frozen=True)
class Targets:
    """Where an artifact goes besides its own file: a Triton repository, BentoML's store, both or neither."""

    triton: Path | None
    bento: bool

    @property
    def any(self) -> bool:
        """Whether it goes anywhere."""
        return self.triton is not None or self.bento


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say where an artifact goes."""
    parser.add_argument(
        "--triton", type=Path, metavar="REPOSITORY", help="put it into a Triton model repository as well"
    )
    parser.add_argument("--bento", action="store_true", help="put it into BentoML's model store as well")


def choose_targets(arguments: argparse.Namespace) -> Targets:
    """Return where the artifact is to go, after checking what can be checked before an export takes minutes.

    Raises UsageError for a repository that is no folder, MissingExtraError without BentoML.
    """
    targets = Targets(arguments.triton, arguments.bento)
    if targets.triton is not None and targets.triton.exists() and not targets.triton.is_dir():
        raise UsageError(f"{targets.triton} is a file; --triton must name a folder")
    if targets.bento:
        from export.bento import import_bentoml

        import_bentoml()
    return targets


def publish(model: Path, targets: Targets) -> None:
    """Put the artifact `model` where it is to go, and say where that is."""
    if targets.triton is not None:
        from export.triton import publish_to_triton

        path, is_new = publish_to_triton(model, targets.triton)
        print(f"triton: {path}" if is_new else f"triton: {path} is the same already")
    if targets.bento:
        from export.bento import publish_to_bento

        tag, path, is_new = publish_to_bento(model)
        print(f"bento: {tag} ({path})" if is_new else f"bento: {tag} is there already ({path})")
