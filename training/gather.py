"""Gather pictures from an address that gives another one at each request, such as a page's captcha.

They are kept in DIR as they came, named by their content, with a line each in DIR/manifest.jsonl: where from and when.
The same command goes on after Ctrl-C, a kill or a full disk, until DIR holds --count pictures. robots.txt and
Retry-After are obeyed. Gather your own pages, or those whose owner allows it.

Exit status: 0 DIR holds --count pictures; 1 it holds fewer; 2 it holds none, or the call is wrong; 130 interrupted.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image
from protego import Protego
from tqdm import tqdm

from edge.arguments import DONE, SOME_FAILED, above_zero, count, not_below_zero, positive
from edge.errors import ImageError, SourceError, UsageError
from edge.files import AppendOnlyFile, replacing
from edge.image import decode_image

MANIFEST, ROBOT, MOST_REDIRECTS, USELESS_IN_A_ROW = "manifest.jsonl", "eyespot", 5, 20
HEADERS = {"User-Agent": f"{ROBOT} (gathers pictures to train a classifier)", "Accept-Encoding": "identity"}
BUSY, LONGEST_PAUSE_S, LONGEST_RETRY_AFTER_S = (408, 425, 429, 500, 502, 503, 504), 60, 600


def keep(content: bytes, url: str, manifest: AppendOnlyFile, known: set[str]) -> None:
    """Bring an encoded picture and its line to the disk. Raises ImageError for one of no use, and OSError."""
    digest = hashlib.sha256(content).hexdigest()
    if digest[:16] in known:
        raise ImageError("duplicate", "its content is known")
    decode_image(content)
    kind = Image.open(BytesIO(content)).format or ""
    path = manifest.path.with_name(f"{digest[:16]}.{'jpg' if kind in ('JPEG', 'MPO') else kind.lower()}")
    time = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"file": path.name, "sha256": digest, "url": url, "time": time}
    with replacing(path) as temporary:  # it gets its name last: a line without a picture does not count
        temporary.write_bytes(content)
        manifest.append(json.dumps(record).encode() + b"\n", flush=True)
    known.add(digest[:16])


async def ask(client: httpx.AsyncClient, url: httpx.URL, options: argparse.Namespace) -> tuple[httpx.Response, bytes]:
    """Return an answer and its body. Raises ImageError for one of no use, SourceError after the last attempt."""
    for attempt in range(options.retries + 1):
        content, pause_s = bytearray(), min(2 ** min(attempt, 9), LONGEST_PAUSE_S)
        try:
            async with asyncio.timeout(options.timeout), client.stream("GET", url) as answer:
                async for chunk in answer.aiter_raw():  # not unpacked: what was packed may be of any size
                    content += chunk
                    if len(content) > options.max_bytes:
                        raise ImageError("too_many_bytes", f"{url} gives more than {options.max_bytes:,} bytes")
            if answer.status_code not in BUSY:
                return answer, bytes(content)
            reason, after = f"HTTP {answer.status_code}", answer.headers.get("Retry-After", "")
            pause_s = int(after[:9]) if after.isdecimal() else pause_s
        except httpx.TooManyRedirects:
            raise ImageError("redirected", f"{url} leads in circles") from None
        except (httpx.TransportError, TimeoutError) as error:
            reason = str(error) or "timed out"
        if attempt == options.retries or pause_s > LONGEST_RETRY_AFTER_S:
            break
        tqdm.write(f"eyespot: {reason}; asking again in {pause_s} s", sys.stderr)
        await asyncio.sleep(max(pause_s, options.delay))
    raise SourceError(f"{url}: {reason}; give the same command again in {pause_s:,} s or later")


async def gather(url: httpx.URL, manifest: AppendOnlyFile, known: set[str], options: argparse.Namespace) -> None:
    """Fetch until `options.count` pictures are `known`. Raises SourceError where there are no more."""
    robots, useless = Protego.parse(""), 0

    async def check(request: httpx.Request) -> None:
        """Refuse, at each request, redirects to other hosts and what robots.txt forbids."""
        to = request.url
        same_host = (to.host, to.port) == (url.host, url.port) and to.scheme in (url.scheme, "https")
        if not (same_host and robots.can_fetch(str(to), ROBOT)):
            raise ImageError("redirected", f"{url} leads to {to}: another host, or forbidden by robots.txt")

    async with httpx.AsyncClient(headers=HEADERS, timeout=options.timeout, follow_redirects=True) as client:
        client.max_redirects, client.event_hooks = MOST_REDIRECTS, {"request": [check]}
        answer, content = await ask(client, url.join("/robots.txt"), options)
        robots = Protego.parse(content.decode("utf-8", "replace") if answer.is_success else "")
        if not robots.can_fetch(str(url), ROBOT):
            raise SourceError(f"{url}: robots.txt of {url.host} forbids it; ask its owner")
        delay_s = max(options.delay, robots.crawl_delay(ROBOT) or 0)
        with tqdm(total=options.count, initial=len(known), unit=" pictures", disable=None) as bar:
            while len(known) < options.count:
                await asyncio.sleep(delay_s)
                try:
                    answer, content = await ask(client, url, options)
                    if not answer.is_success:
                        raise SourceError(f"{url}: HTTP {answer.status_code} {answer.reason_phrase}")
                    keep(content, str(answer.url), manifest, known)
                    useless = 0
                    bar.update()
                except ImageError as error:
                    useless += 1
                    if useless == USELESS_IN_A_ROW:
                        raise SourceError(f"{url}: {useless} answers in a row were of no use ({error})") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot gather` takes."""
    add = parser.add_argument
    add("url", metavar="URL", help="an address of http or https")
    add("--output", metavar="DIR", type=Path, required=True, help="the folder to fill")
    add("--count", type=positive, default=500, metavar="N", help="pictures to have in the end (default 500)")
    add("--delay", type=not_below_zero, default=1.0, metavar="S", help="seconds between requests (default 1)")
    add("--timeout", type=above_zero, default=30.0, metavar="S", help="seconds for one answer (default 30)")
    add("--retries", type=count, default=5, metavar="N", help="of a failed request, later and later (default 5)")
    add("--max-bytes", type=positive, default=10 << 20, metavar="N", help="of one picture (default 10,485,760)")


def run(options: argparse.Namespace) -> int:
    """Gather, print what there is and return the exit status."""
    folder: Path = options.output
    try:
        url = httpx.URL(options.url)
    except httpx.InvalidURL as error:
        raise UsageError(f"{options.url!r} is no address ({error})") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise UsageError(f"an address must be of http or https, with a host and no password. Received: {options.url!r}")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} has files but no {MANIFEST}; choose another --output")
    with closing(AppendOnlyFile(folder / MANIFEST, f"{folder}: another run is writing it; wait for it")) as manifest:
        torn = manifest.read().rpartition(b"\n")[2]
        manifest.keep(manifest.size - len(torn))
        known = {path.stem for path in folder.glob("[0-9a-f]*") if len(path.stem) == 16}
        try:
            if len(known) < options.count:
                asyncio.run(gather(url, manifest, known, options))
        except OSError as error:  # of the source or the disk
            if not known:
                raise
            print(f"eyespot: {error}", file=sys.stderr)
        finally:
            if known:
                print(f"{folder}: {len(known):,} of {options.count:,} pictures")
            else:
                manifest.discard()
    return DONE if len(known) >= options.count else SOME_FAILED
