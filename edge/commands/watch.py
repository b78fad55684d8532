"""Classify what a camera, a video, a stream or a folder shows, live.

SOURCE is the number of a camera (0 is the first) or its device, a video file, a URL (rtsp, http and others that FFmpeg
reads), or a folder, whose new pictures are classified once they are complete. Of cameras and streams the newest frame
is taken; one that goes away is opened again, after pauses of 0.5 to 30 seconds. Of a video file every frame is taken. A
model file that is replaced is loaded anew; if it cannot be used the model before stays.

A line is printed when the label changes, or with --json an object for each frame: 'age_ms' is how old the frame was
when its turn came, 'latency_ms' how long the answer took, 'position_s' its place in a file. Exit status: 0 watched to
the end, for --seconds, or until a camera was stopped; 1 some frames, pictures or a recording failed; 2 nothing could be
watched; 130 a file was interrupted.
"""

import argparse
import os
import re
import stat
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from threading import Timer
from time import monotonic

from edge import arguments as types
from edge.arguments import DONE, INTERRUPTED, SOME_FAILED, stopping_on_signals
from edge.errors import ImageError, OutputError, SourceError, UsageError
from edge.regions.drawing import annotate
from edge.result import DEFAULT_TOP_K
from edge.watch.capture import LiveSource, Source, VideoSource
from edge.watch.folder import FolderSource
from edge.watch.output import CODECS, Changes, Recorder, change_line, json_line, state_of
from edge.watch.reload import ReloadingClassifier
from edge.watch.viewer import Viewer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot watch` takes."""
    types.add_classifier_options(parser)
    add = parser.add_argument
    add("--threads", type=types.positive, metavar="N", help="on one image (default: as onnxruntime chooses)")
    add("source", metavar="SOURCE", nargs="?", default="0", help="see above (default 0, the first camera)")
    add("--every", type=types.not_below_zero, default=0.0, metavar="S", help="one answer in S seconds (default: all)")
    add("--seconds", type=types.above_zero, metavar="S", help="stop after S seconds")
    add("--json", action="store_true", help="one JSON object for each frame")
    top_k = f"predictions in --json (default {DEFAULT_TOP_K})"
    add("--top-k", type=types.positive, default=DEFAULT_TOP_K, metavar="K", help=top_k)
    add("--debounce-frames", type=types.positive, default=3, metavar="N", help="equal frames for a change (default 3)")
    add("--record", metavar="FILE", help=f"write an annotated video: {', '.join(CODECS)}")
    add("--view", type=types.port_number, metavar="PORT", help="show a live page for browsers (0: any free port)")
    add("--view-host", default="127.0.0.1", metavar="HOST", help="address of that page (default: this machine only)")


def run(arguments: argparse.Namespace) -> int:
    """Watch until the end and return the exit status."""
    source = open_source(arguments.source, arguments.every)
    if arguments.record and isinstance(source, FolderSource):
        raise UsageError("a folder of pictures has no video to record; 'eyespot classify --draw' writes copies")
    changes = Changes(arguments.debounce_frames)
    model = ReloadingClassifier(arguments.model, partial(types.load_classifier, arguments), _say)
    recorder, viewer, recording_failed, classified, started_s = None, None, False, 0, monotonic()
    with ExitStack() as stack:
        if arguments.record:
            recorder = stack.enter_context(closing(Recorder(arguments.record, source.live)))
        if arguments.view is not None:
            viewer = stack.enter_context(closing(Viewer(arguments.view_host, arguments.view)))
            _say(f"live at {viewer.url}")
        stop = stack.enter_context(stopping_on_signals())
        if arguments.seconds:
            timer = Timer(arguments.seconds, stop.set)
            timer.start()
            stack.callback(timer.cancel)
        for frame in stack.enter_context(closing(source.frames(stop))):
            classifier, answer, begin_s = model.newest(), None, monotonic()
            try:
                answer = classifier.classify(frame.image, arguments.top_k) if frame.image else None
            except ImageError as error:  # too long and narrow for the model
                frame, source.broken = replace(frame, error=error), source.broken + 1
            age_s, latency_s = begin_s - frame.taken_s, monotonic() - begin_s
            if arguments.json:
                print(json_line(frame, answer, age_s, latency_s, source.dropped), flush=True)
            elif line := change_line(frame, answer, changes):
                print(line, flush=True)
            if frame.image is None or answer is None:
                continue
            classified += 1
            draw = partial(annotate, frame.image.pixels, answer)
            if viewer:
                viewer.publish(draw, partial(source.status, frame, state_of(answer)))
            if recorder and not recording_failed:
                try:
                    recorder.write(draw(), frame.taken_s, source.fps)
                except OutputError as error:  # a full disk ends the video, not the watch
                    recorder.close()
                    recording_failed = True
                    _say(str(error))
    seconds = monotonic() - started_s
    others = {"skipped": source.skipped, "dropped": source.dropped, "could not be decoded": source.broken}
    listed = "".join(f", {number:,} {name}" for name, number in others.items() if number)
    lost = f"; the source was lost {source.lost} times" if source.lost else ""
    _say(f"{classified:,} classified{listed}, {classified / seconds:.1f} a second{lost}")
    if recorder and recorder.written:
        _say(f"recorded {recorder.written:,} frames in {recorder.path}")
    if stop.is_set() and not source.live and not (arguments.seconds and seconds >= arguments.seconds):
        return INTERRUPTED
    return SOME_FAILED if recording_failed or (source.broken and not isinstance(source, LiveSource)) else DONE


def open_source(word: str, every_s: float) -> Source:
    """Return the source that `word` names. Raises SourceError for a path that leads nowhere."""
    if word.isascii() and word.isdecimal():
        return LiveSource(f"/dev/video{int(word[:9])}", f"camera {int(word[:9])}", every_s, _say)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", word):
        name = re.sub(r"(?<=://)([^/:@]*):[^/]*@", r"\1:***@", word)  # no log may show the password
        return LiveSource(word, name, every_s, _say)
    try:
        mode = os.stat(word).st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{word}: no camera number, URL, video or folder has this name ({reason})") from None
    if stat.S_ISCHR(mode):
        return LiveSource(os.path.realpath(word), f"camera {word}", every_s, _say)
    return (FolderSource if stat.S_ISDIR(mode) else VideoSource)(word, word, every_s, _say)


def _say(line: str) -> None:
    print(f"eyespot: {line}", file=sys.stderr, flush=True)
