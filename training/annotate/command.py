"""Label the pictures in a folder, or the glyphs or faces in them, on a page in the browser: one key each.

The page is on this machine only; over SSH forward its port (ssh -L 8765:localhost:8765 HOST). Every answer is on the
disk before the next item shows, in OUTPUT/annotations.jsonl and as a picture in OUTPUT/LABEL, which 'eyespot train'
reads. Ctrl-C ends it; the same command goes on where it was, also after more pictures have come.

With --suspects it shows the pictures that are probably labelled wrong, as 'eyespot evaluate' lists them, each with its
label and the model's; one that gets another label is moved to that class folder.

Keys: the label's own, its number or first letter; the space bar takes the model's guess, Enter keeps a suspect's label;
~ or Delete ignores, with Shift the whole picture; Backspace undoes; the arrows show others, to correct them.
Exit status: 0 ended by you; 1 likewise, but some pictures gave nothing to label; 2 none did, or the call is wrong.
"""

import argparse
import hashlib
import signal
import sys
from collections import Counter
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

from edge.arguments import DONE, SOME_FAILED, parse_regions, port_number
from edge.classifier import Classifier
from edge.errors import DatasetError, UsageError
from training.annotate.items import Cutter, read_folder, read_suspects
from training.annotate.server import Server
from training.annotate.session import Session, check_label


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot annotate` takes."""
    add = parser.add_argument
    add("folder", metavar="DIR", type=Path, nargs="?", help="the folder of pictures; those in folders below count too")
    add("--output", metavar="DIR", type=Path, help="where the labelled pictures go")
    add("--suspects", metavar="FILE", type=Path, help="in place of DIR: correct the labels in this suspects.csv")
    regions = "label each of the faces, or of so many glyphs (faces, glyphs:4; default none: whole pictures)"
    add("--regions", type=parse_regions, default="none", metavar="WHAT", help=regions)
    add("--labels", metavar="A,B,...", help="the labels (default for glyphs: the key that is pressed)")
    add("--suggest", metavar="MODEL", help="an .onnx file whose guess the space bar takes")
    add("--port", type=port_number, default=8765, metavar="PORT", help="of the page (default 8765; 0: any free one)")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until a signal and return the exit status."""
    folder, output, suspects, model = arguments.folder, arguments.output, arguments.suspects, None
    labels = [label.strip() for label in arguments.labels.split(",")] if arguments.labels else []
    cutter = Cutter(arguments.regions, labels)
    if (suspects is None) == (folder is None) or (folder is None) != (output is None):
        raise UsageError("name either a folder and --output DIR, or --suspects FILE")
    if folder and not labels and cutter.kind != "glyphs":
        raise UsageError(f"name the labels of the {cutter.noun}s, as in --labels cat,dog")
    if folder and not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    if suspects:
        items, problems = read_suspects(suspects)
        pairs = [(item.folder.name, item.guess[0]) for item in items.values() if item.folder and item.guess]
        labels = sorted({*labels, *chain(*pairs)})
        digest = hashlib.sha256(suspects.read_bytes()).hexdigest()[:8]  # the answers are to this version of the file
        journal = suspects.with_name(f"{suspects.stem}-{digest}.jsonl")
    for index, label in enumerate(labels):
        check_label(label, labels[:index])
    if arguments.suggest:
        model = Classifier.load(arguments.suggest, regions="none")
        if model.spec.regions and model.spec.regions.kind != cutter.kind:
            raise UsageError(f"{arguments.suggest} reads {model.spec.regions.kind}; name a model of {cutter.kind}")
    if folder:
        items, problems = read_folder(folder, output, cutter)
        journal = output / "annotations.jsonl"
    for problem in problems:
        print(f"eyespot: {problem}; skipped", file=sys.stderr)
    if not items:
        raise DatasetError(f"{suspects or folder}: there is no {cutter.noun} to label; name another")
    with (
        closing(Session(journal, items, labels, cutter)) as session,
        Server(arguments.port, session, cutter, model) as server,
        suppress(KeyboardInterrupt),
    ):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"eyespot: {len(items):,} to label at {server.url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        server.serve_forever(0.1)
    counts = Counter(session.held.values())
    labelled = ", ".join(f"{label}: {counts[label]:,}" for label in sorted(counts) if label)
    print(f"{journal}: {labelled or 'no labels'}; {counts['']:,} ignored, {len(session.open()):,} left")
    return SOME_FAILED if problems else DONE
