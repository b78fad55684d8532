"""Label the pictures in a folder, or the glyphs or faces in them, on a page in the browser: one key each.

The address of the page is printed; over SSH forward its port (ssh -L 8765:localhost:8765 HOST). Every answer is on the
disk before the next item shows, in OUTPUT/annotations.jsonl and as OUTPUT/LABEL/000001.png, which 'eyespot train'
reads. Ctrl-C ends it; the same command goes on where it was, also after more pictures have come.

Keys: the label's own key; ~ or Delete ignores; Backspace undoes; the left and right arrows show others, to correct
them; the space bar takes the model's guess. Exit status: 0 ended by you; 1 likewise, but some pictures could not be
read; 2 nothing to label, or the call, the model or the folder is wrong.
"""

import argparse
import sys
from pathlib import Path
from threading import Thread
from time import monotonic

from edge.arguments import parse_regions, port_number
from edge.cli import DONE, SOME_FAILED, stopping_on_signals
from edge.errors import DatasetError, UsageError
from training.annotate.cutter import AnyGlyphs, Cutter, Wanted
from training.annotate.journal import Journal
from training.annotate.labels import parse_labels
from training.annotate.pace import Pace
from training.annotate.pictures import Pictures
from training.annotate.screen import Screens, describe
from training.annotate.server import Server
from training.annotate.session import Session
from training.annotate.suggest import Suggester
from training.annotate.survey import Survey, survey_folder

PORT = 8765
TOLD_EVERY_S = 5.0
# The page lists them all.
UNREADABLE_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot annotate` takes."""
    add = parser.add_argument
    add("folder", metavar="DIR", help="the folder of pictures; those in folders below count too")
    add("--output", metavar="DIR", required=True, help="where the labelled pictures go")
    add(
        "--regions",
        type=_wanted,
        default=None,
        metavar="WHAT",
        help="label each of the 'glyphs' (glyphs:4 where there should be four, so that touching ones are cut apart), "
        "'faces', or 'none' for whole pictures (default: none)",
    )
    add("--labels", metavar="A,B,...", help="the only labels there are (default: any; a glyph's is the key pressed)")
    add("--suggest", metavar="MODEL", help="an .onnx file whose guess the space bar accepts")
    add("--port", type=port_number, default=PORT, metavar="PORT", help=f"of the page (default {PORT}; 0: any free one)")
    add("--host", default="127.0.0.1", metavar="HOST", help="address of the page (default: this machine only)")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until a signal and return the exit status."""
    folder, output = Path(arguments.folder), Path(arguments.output)
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    labels = parse_labels(arguments.labels) if arguments.labels is not None else ()
    cutter = Cutter(arguments.regions, labels)
    suggester = Suggester(Path(arguments.suggest), cutter) if arguments.suggest else None
    with Journal(output, cutter.text, cutter.digits) as journal:
        survey = _survey(folder, cutter, output)
        pictures = Pictures(cutter)
        session = Session(survey.items, journal, pictures.content, labels, Pace())
        _tell_rebuilt(session, journal)
        screens = Screens(session, pictures, suggester)
        about = describe(cutter.noun, labels, survey)
        with Server(arguments.host, arguments.port, session, screens, pictures, about) as server:
            _serve(server, session)
    print(summary(session, output))
    return SOME_FAILED if survey.unreadable else DONE


def _serve(server: Server, session: Session) -> None:
    with stopping_on_signals() as stop:
        Thread(target=server.serve_forever, args=(0.1,), name="eyespot-annotate", daemon=True).start()
        _say(f"label at {server.url} (Ctrl-C ends it)")
        if not server.local:
            _say("--host: whoever reaches this address can see the pictures and label them")
        stop.wait()
        session.close()
        server.shutdown()


def summary(session: Session, output: Path) -> str:
    """Return how far the labelling has come."""
    answers = session.answers
    counts = ", ".join(f"{label}: {count:,}" for label, count in sorted(answers.counts.items()) if count)
    total = answers.counts.total()
    labels = f"{total:,} label{'s'[: total != 1]}{f' ({counts})' if counts else ''}"
    return f"{output}: {labels}, {answers.ignored:,} ignored, {session.left():,} left"


def _survey(folder: Path, cutter: Cutter, output: Path) -> Survey:
    told_s = monotonic()

    def tick(pictures: int) -> None:
        nonlocal told_s
        if monotonic() - told_s > TOLD_EVERY_S:
            told_s = monotonic()
            _say(f"looked through {pictures:,} pictures")

    survey = survey_folder(folder, cutter, output, tick)
    for unreadable in survey.unreadable[:UNREADABLE_SHOWN]:
        _say(f"{unreadable.name!a}: {unreadable.reason}; skipped")
    if more := survey.unreadable[UNREADABLE_SHOWN:]:
        _say(f"{len(more):,} more files cannot be read; the page lists them")
    if survey.empty:
        _say(f"no {cutter.noun} found in {len(survey.empty):,} pictures; the page lists them")
    if survey.copies:
        _say(f"{survey.copies:,} copies of other pictures, asked about once")
    if not survey.items:
        raise DatasetError(f"{folder}: nothing to label: no {cutter.noun} in {survey.pictures:,} readable pictures")
    _say(f"{len(survey.items):,} {cutter.noun}{'s'[: len(survey.items) != 1]} in {survey.pictures:,} pictures")
    return survey


def _tell_rebuilt(session: Session, journal: Journal) -> None:
    if journal.torn:
        _say(f"{journal.path}: the last line was cut off while it was written; that one answer is asked again")
    for file in session.rebuild():
        _say(f"{file} is missing and its picture is gone; put one of them back")
    if elsewhere := sum(entry.key not in session.index_of for entry in session.answers.labelled()):
        _say(f"{elsewhere:,} labels belong to pictures that are not here now; they are kept")


def _say(line: str) -> None:
    print(f"eyespot: {line}", file=sys.stderr, flush=True)


def _wanted(text: str) -> Wanted:
    if text == "glyphs":
        return AnyGlyphs()
    regions = parse_regions(text)
    return None if regions == "none" else regions
