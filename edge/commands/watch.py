"""Say what a camera, a video, a stream or a folder shows, as it comes.

SOURCE is the number of a camera (0 is the first) or its device, a video file, a URL (rtsp, http and others that FFmpeg
reads), or a folder, whose new pictures are looked at once they are complete.

Of cameras and streams always the newest frame is taken; what a slow model misses is counted as dropped. A source that
goes away is opened again, after pauses of 0.5 to 30 seconds. Of a video file every frame is taken, in its own time.

A line is printed when the label has changed, or with --json an object for each frame: 'age_ms' is how old the frame
was when its turn came, 'latency_ms' how long the answer took, 'position_s' where it stands in a file. What happens to
the source, and totals at the end, go to standard error. Exit status: 0 watched to the end, or until a camera was
stopped; 1 some frames, pictures or a recording failed; 2 nothing could be watched; 130 a file was interrupted.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import TIMEOUT_MAX, Event, Timer
from time import monotonic

from edge.arguments import above_zero, not_below_zero, port_number, positive
from edge.classifier_options import add_classifier_options, add_threads_option, load_classifier
from edge.cli import DONE, INTERRUPTED, SOME_FAILED
from edge.errors import UsageError
from edge.stop import stopping_on_signals
from edge.watch.address import parse_address
from edge.watch.changes import Changes
from edge.watch.frame import FrameCounts
from edge.watch.lines import Write, change_writer, write_json
from edge.watch.pace import Pace
from edge.watch.recorder import CODECS, Recorder
from edge.watch.run import recording, viewing, watch
from edge.watch.source import Source, make_source
from edge.watch.viewer import Viewer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot watch` takes."""
    add_classifier_options(parser)
    add_threads_option(parser)
    add = parser.add_argument
    add("source", metavar="SOURCE", nargs="?", default="0", help="see above (default 0, the first camera)")
    add("--json", action="store_true", help="one JSON object for each frame")
    add("--top", type=positive, default=3, metavar="N", help="predictions in --json (default 3)")
    add("--steady", type=positive, default=3, metavar="N", help="frames in a row that make a change (default 3)")
    add(
        "--refractory",
        type=not_below_zero,
        default=1.0,
        metavar="S",
        help="seconds between printed changes (default 1)",
    )
    add("--every", type=positive, default=1, metavar="N", help="look at every N-th frame only")
    add("--max-fps", type=above_zero, metavar="R", help="look at no more frames a second")
    add("--seconds", type=above_zero, metavar="S", help="end after so long; of a video, in its own time")
    add("--record", metavar="FILE", help=f"write an annotated video: {', '.join(CODECS)}")
    add("--view", type=port_number, metavar="PORT", help="show a live page for browsers (0: any free port)")
    add("--view-host", default="127.0.0.1", metavar="HOST", help="address of that page (default: this machine only)")


def run(arguments: argparse.Namespace) -> int:
    """Watch until the end and return the exit status."""
    address = parse_address(arguments.source)
    if arguments.record and address.kind == "folder":
        raise UsageError("a folder of pictures has no video to record; 'eyespot classify --draw' writes copies")
    classifier = load_classifier(arguments)
    source = make_source(address, Pace(arguments.every, arguments.max_fps), _say)
    seconds = math.inf if arguments.seconds is None else arguments.seconds
    with ExitStack() as stack:
        writes, recorder = _open_outputs(arguments, source, stack)
        stop = stack.enter_context(stopping_on_signals())
        stack.enter_context(_after(seconds if source.live else math.inf, stop))
        started_s = monotonic()
        classified = watch(classifier, source, stop, writes, arguments.top, seconds)
        elapsed_s = monotonic() - started_s
    _say(summary(classified, source.tally, elapsed_s))
    if recorder and recorder.written:
        _say(f"recorded {recorder.written:,} frames in {recorder.path}")
    if address.kind == "video" and stop.is_set():
        return INTERRUPTED
    failed = (source.tally.broken and address.kind in ("video", "folder")) or (recorder and recorder.failed)
    return SOME_FAILED if failed else DONE


def _open_outputs(
    arguments: argparse.Namespace, source: Source, stack: ExitStack
) -> tuple[list[Write], Recorder | None]:
    """Return who takes what is seen, opened until `stack` ends."""
    writes = [write_json if arguments.json else change_writer(Changes(arguments.steady, arguments.refractory))]
    recorder = None
    if arguments.record:
        recorder = stack.enter_context(Recorder(arguments.record, source.live))
        writes.append(recording(recorder, source, _say))
    if arguments.view is not None:
        viewer = stack.enter_context(Viewer(arguments.view_host, arguments.view))
        _say(f"live at {viewer.url}")
        writes.append(viewing(viewer, source))
    return writes, recorder


@contextmanager
def _after(seconds: float, stop: Event) -> Iterator[None]:
    """Set `stop` once so much time has passed in the block."""
    timer = Timer(min(seconds, TIMEOUT_MAX), stop.set) if math.isfinite(seconds) else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()


def summary(classified: int, tally: FrameCounts, elapsed_s: float) -> str:
    """Return the totals in a line: how many frames have an answer, and what became of others, as `tally` has it."""
    counts = {"skipped": tally.skipped, "dropped": tally.dropped, "could not be decoded": tally.broken}
    others = "".join(f", {number:,} {name}" for name, number in counts.items() if number)
    lost = f"; {tally.lost} times the source was lost" if tally.lost else ""
    return f"{classified:,} classified{others}, {classified / max(elapsed_s, 1e-9):.1f} a second{lost}"


def _say(line: str) -> None:
    print(f"eyespot: {line}", file=sys.stderr, flush=True)
