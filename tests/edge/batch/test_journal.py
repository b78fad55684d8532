"""Rows as lines of JSON and back, and the journal on a real disk: cut anywhere, damaged, locked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.batch.journal import Journal
from edge.batch.rows import Row, decode_row, encode_row
from edge.errors import ImageError, OutputError
from edge.result import Box, Classification, Prediction, Region
from tests.edge.batch.conftest import config

CLASSIFIED = Row(
    os.fsdecode(b"gr\xfcn\n.png"),
    "ab" * 32,
    123,
    Classification((Prediction("a", 0.75), Prediction("b", 0.25)), True, "a note"),
    None,
)
READ = Row(
    "code.png",
    "cd" * 32,
    45,
    Classification((), True, None, (Region(Box(1, 2, 3, 4), (Prediction("a", 0.75),), True),), "a"),
    None,
)
NOTHING_FOUND = Row("face.png", "ef" * 32, 6, Classification((), False, "no faces found", ()), None)
FAILED = Row("none.png", None, None, None, ImageError("not_found", "there is no such file"))


def row(number: int) -> Row:
    return Row(f"{number}.png", "ab" * 32, number, None, ImageError("empty", "the file is empty"))


LINES = b"".join(encode_row(row(number)) for number in range(5))


def test_a_line_says_all_and_the_name_is_given_back_byte_for_byte() -> None:
    record = json.loads(encode_row(CLASSIFIED))
    assert list(record) == ["path", "sha256", "size_bytes", "predictions", "unsure", "note", "error"]
    assert os.fsencode(record.pop("path")) == b"gr\xfcn\n.png"
    predictions = [{"label": "a", "probability": 0.75}, {"label": "b", "probability": 0.25}]
    assert record.pop("predictions") == predictions
    assert record == {"sha256": "ab" * 32, "size_bytes": 123, "unsure": True, "note": "a note", "error": None}
    assert encode_row(CLASSIFIED).count(b"\n") == 1
    assert json.loads(encode_row(FAILED))["error"] == {"code": "not_found", "message": "there is no such file"}


@pytest.mark.parametrize("row", [CLASSIFIED, READ, NOTHING_FOUND, FAILED], ids=lambda row: row.path)
def test_a_line_gives_the_row_back(row: Row) -> None:
    again = decode_row(encode_row(row))
    assert encode_row(again) == encode_row(row)
    assert (again.path, again.classification) == (row.path, row.classification)


def test_every_line_that_is_cut_short_or_no_row_is_refused() -> None:
    line = encode_row(CLASSIFIED)
    others = [b"{}\n", b"1\n", b"null\n", b'"a"\n', bytes(9) + b"\n", b"\xff\n", b"[" * 100_000 + b"\n"]
    for other in [*(line[:end] for end in range(len(line))), *others]:
        with pytest.raises(ValueError):  # noqa: PT011 # json's, msgspec's or ours
            decode_row(other)


def test_cut_anywhere_it_keeps_the_rows_that_are_whole_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.partial"
    for end in range(0, len(LINES), 23):
        # A power failure may leave blocks of zeros, and behind them what was written later.
        for garbage in (b"", bytes(100), bytes(100) + LINES[-50:]):
            path.write_bytes(LINES[:end] + garbage)
            with Journal(tmp_path / "r.jsonl", config()) as journal:
                whole = list(journal.read(recover=True))
                assert len(whole) == LINES[:end].count(b"\n")
                for number in range(len(whole), 5):
                    journal.append(row(number))
            assert path.read_bytes() == LINES


@pytest.mark.parametrize("damage", [b"\n", b"\xff\n", b"{}\n", b'{"path": "a.png", "label": "another format"}\n'])
@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_line_that_is_damaged_is_an_error_and_nothing_is_cut_off(tmp_path: Path, damage: bytes, place: int) -> None:
    lines = LINES.splitlines(keepends=True)
    content = b"".join([*lines[:place], damage, *lines[place:]])
    (tmp_path / "r.jsonl.partial").write_bytes(content)
    with Journal(tmp_path / "r.jsonl", config()) as journal:
        for rows in (journal.read(), journal.read(recover=True)):
            with pytest.raises(OutputError):
                list(rows)
    assert (tmp_path / "r.jsonl.partial").read_bytes() == content


def test_a_journal_in_use_is_refused_and_free_again_when_its_run_has_died(tmp_path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from edge.batch.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), None); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(tmp_path / "r.jsonl")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(OutputError):
            Journal(tmp_path / "r.jsonl", config())
        process.kill()
    with Journal(tmp_path / "r.jsonl", config()) as journal:
        journal.append(row(0))


def test_an_unused_journal_leaves_nothing_behind_and_what_a_killed_run_half_wrote_goes(tmp_path: Path) -> None:
    for name in (".r.01234567.partial.jsonl", ".r.jsonl.01234567.partial.run"):
        (tmp_path / name).write_bytes(b"half")
    for output in (tmp_path / "r.jsonl", tmp_path / "new" / "r.jsonl"):
        with Journal(output, config()) as journal:
            journal.config_path.write_text("the config")
        assert list(tmp_path.iterdir()) == []
