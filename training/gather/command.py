"""Gather pictures from an address that gives another one at each request, such as a page's captcha.

Pictures become DIR/000001.png and so on, as they came; DIR/manifest.jsonl has a line for each: file, sha256, url, time,
bytes, source. Content that is there already is counted and not kept. The same command goes on where the last one
ended, however it ended, until DIR holds --count pictures.

robots.txt is obeyed, and so are Retry-After and a delay that it asks for. Redirects are followed on the same host only.
Gather where you may: your own pages, or those whose owner agreed, and tell him first what you find out about them.

Exit status: 0 DIR holds as many as were asked for; 1 it holds some, now or from before, and the server or the disk
gave no more; 2 it holds nothing, or the call is wrong; 130 interrupted (the picture in hand is finished; again to leave
at once).
"""

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from edge.arguments import above_zero, count, not_below_zero, positive
from edge.cli import DONE, INTERRUPTED, SOME_FAILED, stopping_on_signals
from edge.errors import OutputError, SourceError
from training.gather.collection import Collection
from training.gather.patience import Patience, StoppedError
from training.gather.progress import Progress
from training.gather.request import Limits, parse_url
from training.gather.robots import read_robots, require_allowed
from training.gather.run import Tally, gather

MAX_BYTES = 10 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot gather` takes."""
    add = parser.add_argument
    add("url", metavar="URL", help="an address of http or https")
    add("--output", metavar="DIR", type=Path, required=True, help="the folder to fill")
    add("--count", type=positive, default=500, metavar="N", help="pictures to have in the end (default 500)")
    add("--delay", type=not_below_zero, default=1.0, metavar="S", help="seconds between requests (default 1)")
    add("--timeout", type=above_zero, default=30.0, metavar="S", help="seconds for one answer (default 30)")
    add("--retries", type=count, default=5, metavar="N", help="of a failed request, later and later (default 5)")
    add("--max-bytes", type=positive, default=MAX_BYTES, metavar="N", help=f"of a picture (default {MAX_BYTES:,})")


def run(arguments: argparse.Namespace) -> int:
    """Gather, print what there is and return the exit status."""
    url = parse_url(arguments.url)
    progress, tally = Progress(), Tally()
    with Collection(arguments.output, url) as collection, stopping_on_signals() as stop:
        patience = Patience(arguments.retries, arguments.delay, stop.wait, progress.say)
        status = DONE
        try:
            _gather(arguments, collection, patience, progress, tally)
        except StoppedError:
            progress.say("interrupted; the same command goes on")
            status = INTERRUPTED
        except (SourceError, OutputError) as error:
            if not len(collection):
                raise
            progress.say(str(error))
            status = SOME_FAILED
        finally:
            progress.end()
        print(f"{arguments.output}: {len(collection):,} of {arguments.count:,} pictures; {tally.describe()}")
    return status


def _gather(
    arguments: argparse.Namespace, collection: Collection, patience: Patience, progress: Progress, tally: Tally
) -> None:
    if len(collection) >= arguments.count:
        return
    robots = patience.ask(collection.url, lambda: read_robots(collection.url, arguments.timeout))
    require_allowed(robots, collection.url)
    if robots.delay_s > patience.delay_s:
        progress.say(f"{urlsplit(collection.url).netloc} asks for {robots.delay_s:g} s between requests")
        patience = Patience(patience.retries, robots.delay_s, patience.wait, patience.say)

    def show() -> None:
        progress.show(len(collection), arguments.count, tally.useless.total())

    limits = Limits(arguments.timeout, arguments.max_bytes)
    gather(collection, arguments.count, robots, limits, patience, tally, show)
