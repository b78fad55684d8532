"""Write a model card: one HTML page on what a model file is, how good it is and how to call it.

It shows the labels, what every preprocessing step makes of a sample picture, the accuracy and the confusions,
the proof of parity, the size, and commands to copy. The page is one file that loads nothing from elsewhere.
The picture is a sample that travels inside the model, or FILE. Exit status: 0 written; 2 nothing was written.
"""

import argparse
from pathlib import Path

from edge.arguments import DONE
from edge.errors import UsageError
from export.arguments import resolve_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot card` takes."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file written by 'eyespot export'")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the page to write (default: MODEL's name.html)")
    parser.add_argument("--image", metavar="FILE", help="the picture to show (default: a sample inside the model)")


def run(arguments: argparse.Namespace) -> int:
    """Write the card, say where, and return the exit status."""
    from edge.files import replacing
    from edge.sources import IMAGE_SUFFIXES
    from export.card.page import write_card

    model = Path(arguments.model)
    if model.suffix.lower() in IMAGE_SUFFIXES and not model.is_dir():
        raise UsageError(f"MODEL is an .onnx file, and --image a picture. Received: {model} as MODEL")
    output = resolve_output(arguments.output, f"{model.stem}.html", model, arguments.image)
    page, spec = write_card(model, arguments.image)
    with replacing(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"{output}: card of {spec.name} {spec.version}, {output.stat().st_size:,} bytes")
    return DONE
