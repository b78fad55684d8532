"""Bodies: raw and multipart, whole and broken, and never more bytes than the limit."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from tests.serving.conftest import MAX_BODY_BYTES, Ask, application, asker, encode_png, send

BRIGHT = encode_png(250)
BOUNDARY = "frontier"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
END = f"--{BOUNDARY}--\r\n".encode()


def part(name: str, content: bytes, filename: str | None = "a.png") -> bytes:
    """Return one part of a form, written by hand after RFC 7578."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def best(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["predictions"][0]["label"])


def refused(answer: httpx.Response) -> tuple[int, str]:
    (error,) = answer.json().values()
    assert set(error) == {"code", "message"}
    return answer.status_code, error["code"]


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", "text/plain", "image/jpeg", ""])
def test_a_raw_body_is_the_image_whatever_it_is_called(ask: Ask, content_type: str) -> None:
    assert best(ask("POST", "/v1/classify", content=BRIGHT, headers={"content-type": content_type})) == "bright"


def test_a_body_may_come_in_pieces_without_a_length(ask: Ask) -> None:
    answer = ask("POST", "/v1/classify", content=in_pieces(BRIGHT[:9], b"", BRIGHT[9:]))
    assert "content-length" not in answer.request.headers
    assert best(answer) == "bright"


@pytest.mark.parametrize("name", ["file", "image", "anything"])
def test_a_form_holds_one_file_under_any_name(ask: Ask, name: str) -> None:
    assert best(ask("POST", "/v1/classify", files={name: ("a.png", BRIGHT, "image/png")})) == "bright"


@pytest.mark.parametrize(
    "content_type", [FORM["content-type"], f"Multipart/Form-Data; boundary={BOUNDARY}"], ids=["lower", "mixed"]
)
def test_a_form_written_by_hand_may_have_fields_beside_the_file(ask: Ask, content_type: str) -> None:
    """Media types are compared without regard to case (RFC 9110, section 8.3.1)."""
    body = part("comment", b"a fine one", None) + part("file", BRIGHT) + END
    assert best(ask("POST", "/v1/classify", content=body, headers={"content-type": content_type})) == "bright"


@pytest.mark.parametrize(
    "body",
    [
        part("a", BRIGHT, None) + END,
        part("file", BRIGHT) + part("files", b"{}", None) + END,
        part("file", b"a.png", None) + part("a", BRIGHT) + END,
        END,
        b"",
        b"no form at all",
        part("a", BRIGHT).replace(b'name="a"', b'id="a"') + END,
        part("a", BRIGHT).replace(b"Content-Disposition", b"Content Disposition") + END,
        b"".join(part(str(i), b"x", None) for i in range(50)) + part("a", BRIGHT) + END,
    ],
    ids=[
        *("a field for a file", "text for one of two", "text for the file", "no part", "no byte"),
        *("no form", "no name", "broken header", "fifty fields"),
    ],
)
def test_a_form_that_holds_no_file_is_refused(ask: Ask, body: bytes) -> None:
    assert refused(ask("POST", "/v1/classify", content=body, headers=FORM)) == (400, "malformed_form")


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'b' * 5000}", "; charset=utf-8"])
def test_a_form_without_a_usable_boundary_is_refused(ask: Ask, boundary: str) -> None:
    headers = {"content-type": f"multipart/form-data{boundary}"}
    answer = ask("POST", "/v1/classify", content=part("a", BRIGHT) + END, headers=headers)
    assert refused(answer) == (400, "malformed_form")


def test_an_empty_body_and_an_empty_file_are_refused(ask: Ask) -> None:
    assert refused(ask("POST", "/v1/classify")) == (400, "empty")
    assert refused(ask("POST", "/v1/classify", files={"file": ("a.png", b"")})) == (400, "empty")


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate, gzip", "x"])
def test_a_compression_that_is_not_known_is_refused(ask: Ask, encoding: str) -> None:
    answer = ask("POST", "/v1/classify", content=BRIGHT, headers={"content-encoding": encoding})
    assert refused(answer) == (415, "unsupported_encoding")
    assert "gzip" in answer.headers["accept-encoding"]


COMPRESS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "Deflate": zlib.compress}


@pytest.mark.parametrize(("encoding", "compress"), COMPRESS.items(), ids=COMPRESS)
def test_a_compressed_body_is_taken(ask: Ask, encoding: str, compress: Callable[[bytes], bytes]) -> None:
    headers = {"content-encoding": encoding}
    packed = compress(BRIGHT)
    assert best(ask("POST", "/v1/classify", content=packed, headers=headers)) == "bright"
    pieces = in_pieces(*(packed[i : i + 1] for i in range(len(packed))))
    assert best(ask("POST", "/v1/classify", content=pieces, headers=headers)) == "bright"
    form = compress(part("a", BRIGHT) + END)
    assert best(ask("POST", "/v1/classify", content=form, headers=headers | FORM)) == "bright"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("damage", ["cut short", "not compressed", "followed", "empty"])
def test_compressed_data_that_is_damaged_is_refused(ask: Ask, encoding: str, damage: str) -> None:
    whole = COMPRESS[encoding.replace("d", "D")](BRIGHT)
    body = {"cut short": whole[:-5], "not compressed": BRIGHT, "followed": whole + b"x", "empty": b""}[damage]
    answer = ask("POST", "/v1/classify", content=body, headers={"content-encoding": encoding})
    assert refused(answer) == (400, "damaged_encoding")


@pytest.mark.parametrize("length", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 1000 * MAX_BODY_BYTES])
def test_what_a_bomb_would_become_counts_and_not_what_it_is(ask: Ask, length: int) -> None:
    bomb = gzip.compress(BRIGHT[:40].ljust(length, b"\0"))
    assert len(bomb) < 0.002 * length + 1000
    answer = ask("POST", "/v1/classify", content=bomb, headers={"content-encoding": "gzip"})
    assert answer.status_code == (422 if length <= MAX_BODY_BYTES else 413)


@pytest.mark.parametrize("encoding", ["", "identity", "IDENTITY"])
def test_no_compression_may_be_said_in_any_case(ask: Ask, encoding: str) -> None:
    """Content codings are compared without regard to case (RFC 9110, section 8.4.1)."""
    assert best(ask("POST", "/v1/classify", content=BRIGHT, headers={"content-encoding": encoding})) == "bright"


@pytest.mark.parametrize(("length", "expected"), [(MAX_BODY_BYTES, 422), (MAX_BODY_BYTES + 1, 413)])
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in pieces"])
def test_the_limit_itself_is_allowed_and_one_more_is_not(ask: Ask, length: int, expected: int, declared: bool) -> None:
    body = BRIGHT[:40].ljust(length, b"\0")  # a damaged PNG of that many bytes
    content = body if declared else in_pieces(body[: length // 2], body[length // 2 :])
    assert ask("POST", "/v1/classify", content=content).status_code == expected


def test_a_declared_length_is_enough_to_refuse(ask: Ask) -> None:
    taken: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for i in range(1000):
            taken.append(i)
            yield b"x" * 1000

    headers = {"content-length": "1000000"}
    assert refused(ask("POST", "/v1/classify", content=body(), headers=headers)) == (413, "body_too_large")
    assert taken == []


def test_an_endless_body_is_read_no_further_than_the_limit(ask: Ask) -> None:
    taken: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        while True:
            taken.append(1000)
            yield b"x" * 1000

    assert refused(ask("POST", "/v1/classify", content=body())) == (413, "body_too_large")
    assert MAX_BODY_BYTES < sum(taken) <= MAX_BODY_BYTES + 2000


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "abc", "\u00b2"], ids=["long", "negative", "word", "superscript"])
def test_a_length_that_is_no_number_is_not_an_error_of_ours(ask: Ask, length: str) -> None:
    headers = [(b"content-length", length.encode("latin-1"))]
    assert ask("POST", "/v1/classify", content=BRIGHT, headers=headers).status_code < 500


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (part("a", b"x" * 2 * MAX_BODY_BYTES), (413, "body_too_large")),
        (part("a", BRIGHT), (400, "malformed_form")),
        (part("a", BRIGHT)[:-40], (400, "malformed_form")),
        (b"".join(part("a", BRIGHT) for _ in range(33)) + END, (413, "too_many_images")),
    ],
    ids=["past the limit", "no end", "cut short", "one too many"],
)
def test_a_form_that_is_too_large_or_cut_short_is_refused(ask: Ask, body: bytes, expected: tuple[int, str]) -> None:
    assert refused(ask("POST", "/v1/classify", content=in_pieces(body[:90], body[90:]), headers=FORM)) == expected


@pytest.mark.parametrize("path", ["/v1/classify", "/v2/models/tiny/infer"])
def test_no_body_is_read_where_there_is_no_place_for_a_picture(app: Starlette, path: str) -> None:
    taken: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(1)
        yield BRIGHT

    places = app.state.service.admission
    with places.hold(places.limit):
        answer = asker(app)("POST", path, content=body())
    assert (answer.status_code, taken) == (503, [])
    assert int(answer.headers["retry-after"]) >= 1


def test_bytes_that_are_received_are_counted_and_bounded(tiny_model: Path) -> None:
    """Thirty uploads that are half sent: what they hold is within the budget, and the rest is told to come again."""

    async def upload_slowly(app: Starlette) -> tuple[list[int], int]:
        release = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield BRIGHT.ljust(90_000, b"\0")
            await release.wait()

        sent = [asyncio.create_task(send(app, "POST", "/v1/classify", content=body())) for _ in range(30)]
        refused, _ = await asyncio.wait(sent, timeout=1)
        held = app.state.service.admission.bytes
        release.set()
        await asyncio.gather(*sent)
        return [task.result().status_code for task in refused], held

    with application(tiny_model, max_memory_bytes=1 << 20, max_images=1) as app:
        statuses, held = asyncio.run(upload_slowly(app))
        assert set(statuses) == {503}
        assert len(statuses) == 25  # half of the memory is for bodies: five of them
        assert held <= 1 << 19
        admission = app.state.service.admission
        assert (admission.pictures, admission.bytes) == (0, 0)
