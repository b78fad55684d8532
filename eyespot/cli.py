"""The `eyespot` command: one table of subcommands, of which only the one that is called is imported."""

import gc
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from edge.arguments import DONE, NOTHING_DONE, Parser, as_command
from edge.errors import UsageError, explaining_imports, unknown_name


class Subcommand(NamedTuple):
    """The module of a subcommand, the extra that it needs, and what it does in one line.

    The module has `add_arguments(parser)` and `run(arguments) -> int`; its docstring is the help text.
    """

    module: str
    extra: str | None
    summary: str


SUBCOMMANDS = {
    "gather": Subcommand("training.gather", "training", "fetch pictures to label from an address"),
    "annotate": Subcommand("training.annotate.command", None, "label pictures, glyphs or faces on a local page"),
    "train": Subcommand("training.command", "training", "make a classifier of photographs, or train a recipe"),
    "evaluate": Subcommand(
        "training.report.command", "training", "say how good a classifier is, and where it is wrong"
    ),
    "architecture": Subcommand("training.architecture", "training", "show the layers of a network"),
    "export": Subcommand("export.command", "export", "turn a network into one .onnx file, compared with it"),
    "adopt": Subcommand("export.adopt_command", "export", "turn a plain ONNX classifier into such a file"),
    "pretrained": Subcommand("training.pretrained.command", "export", "make the .onnx file of an ImageNet network"),
    "classify": Subcommand("edge.commands.classify", None, "say what is on images"),
    "batch": Subcommand("edge.commands.batch", "batch", "classify any number of images into a file"),
    "watch": Subcommand("edge.commands.watch", "camera", "say what a camera, a video or a folder shows"),
    "verify": Subcommand("edge.commands.verify", None, "replay a model's own samples on this device"),
    "benchmark": Subcommand("edge.commands.benchmark", None, "measure how fast model files run on this device"),
    "info": Subcommand("edge.commands.info", None, "show what a model file says of itself"),
    "card": Subcommand("export.card.command", "export", "write a page on what a model file is and how good it is"),
    "doctor": Subcommand("eyespot.doctor", None, "show what this machine has and what it lacks"),
    "serve": Subcommand("serving.cli", "serving", "answer over HTTP"),
}
# `verify --against` is answered by another module, which needs an extra.
VERIFY_AGAINST, AGAINST_EXTRA = "export.verify_against", "export"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status. Without `argv` it is the program, with it a call within one."""
    if argv is None:
        gc.disable()  # to search for garbage while modules load takes a tenth of a short run
    return as_command(lambda: _dispatch(list(sys.argv[1:] if argv is None else argv), is_program=argv is None))


def _dispatch(argv: list[str], is_program: bool) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(usage(), file=sys.stdout if argv else sys.stderr)
        return DONE if argv else NOTHING_DONE
    name, *rest = argv
    if name == "--version":
        from importlib.metadata import version

        print(f"eyespot {version('eyespot')}")
        return DONE
    if (subcommand := SUBCOMMANDS.get(name)) is None:
        raise UsageError(unknown_name("subcommand", name, SUBCOMMANDS))
    with explaining_imports(f"eyespot {name}", subcommand.extra):
        module = importlib.import_module(subcommand.module)
        parser = Parser(f"eyespot {name}", module.__doc__)
        module.add_arguments(parser)
        arguments = parser.parse(rest)
        if is_program:
            gc.freeze()  # the modules stay; no later search looks at them
            gc.enable()
        if getattr(arguments, "against", None) is not None:
            with explaining_imports("eyespot verify --against", AGAINST_EXTRA):
                return int(importlib.import_module(VERIFY_AGAINST).run(arguments))
        return int(module.run(arguments))


def usage() -> str:
    """Return the help of `eyespot`: the table of subcommands."""
    rows = "\n".join(f"  {name:<14}{subcommand.summary}" for name, subcommand in SUBCOMMANDS.items())
    return f"usage: eyespot SUBCOMMAND ...\n\n{rows}\n\n'eyespot SUBCOMMAND --help' says more; 'eyespot --version'."
