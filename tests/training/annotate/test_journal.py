"""The journal: what is on the disk after a kill, a full disk or a second process, and what is refused."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import OutputError, UsageError
from edge.result import Box
from tests.full_disk import full_behind
from training.annotate.journal import NAME, Entry, Journal

BOX = Box(1, 2, 3, 4)


def entry(number: int, label: str = "7") -> Entry:
    return Entry(number, "a.png", "ab" * 32, BOX, "labelled", label, f"{label}/{number:06}.png", None, "2026-01-01")


def written(folder: Path, count: int) -> Path:
    with Journal(folder, "glyphs:4") as journal:
        for number in range(1, count + 1):
            journal.append(entry(number))
    return folder / NAME


def test_a_line_for_each_answer_below_one_that_says_what_was_asked(tmp_path: Path) -> None:
    header, first, _ = map(json.loads, written(tmp_path, 2).read_text().splitlines())
    assert header == {"format": 1, "regions": "glyphs:4"}
    assert first["box"] == {"x": 1, "y": 2, "width": 3, "height": 4}
    assert (first["number"], first["label"], first["file"]) == (1, "7", "7/000001.png")
    with Journal(tmp_path, "glyphs:4") as journal:
        assert journal.entries == [entry(1), entry(2)]
        assert not journal.torn


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_torn_last_line_is_cut_off_and_the_next_one_is_whole(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path, 2)
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: len(whole) - len(last) + kept])
    with Journal(tmp_path, "glyphs:4") as journal:
        assert journal.torn
        assert journal.entries == [entry(1)]
        journal.append(entry(2))
    assert path.read_bytes() == whole


def test_a_torn_header_is_that_of_a_journal_without_answers(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"form')
    with Journal(tmp_path, "faces") as journal:
        journal.append(entry(1))
    assert (tmp_path / NAME).read_text().splitlines()[0] == '{"format": 1, "regions": "faces"}'


@pytest.mark.parametrize("damage", [b"{}\n", b"no json\n", b'{"number": 1}\n', b'{"num\rber": 1}\n'])
def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_lost(tmp_path: Path, damage: bytes) -> None:
    path = written(tmp_path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], damage, *lines[3:]]))
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"annotations\.jsonl: line 3 is damaged .*mend it"):
        Journal(tmp_path, "glyphs:4")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../../home/000001.png", "label": "../../home"},
        {"file": "7/../../x.png"},
        {"file": "/000001.png", "label": ""},
        {"file": "../000001.png", "label": ".."},
        {"file": "8/000001.png"},
        {"file": None},
        {"state": "ignored"},
    ],
)
def test_a_journal_that_names_other_files_is_refused(tmp_path: Path, changes: dict[str, str | None]) -> None:
    path = written(tmp_path, 2)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], json.dumps(json.loads(lines[1]) | changes), lines[2], ""]))
    with pytest.raises(OutputError, match="line 2 is damaged"):
        Journal(tmp_path, "glyphs:4")


def test_a_missing_line_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:] + lines[3:]))
    with pytest.raises(OutputError, match=r"line 3 is damaged \(entry 2 is missing\)"):
        Journal(tmp_path, "glyphs:4")


def test_other_regions_are_another_journal(tmp_path: Path) -> None:
    written(tmp_path, 1)
    with pytest.raises(UsageError, match=r"begun with --regions glyphs:4\. Received: faces; go on with the same"):
        Journal(tmp_path, "faces")


@pytest.mark.parametrize(("begun", "asked"), [(True, False), (False, True)])
def test_other_kinds_of_glyphs_are_another_journal(tmp_path: Path, begun: bool, asked: bool) -> None:
    with Journal(tmp_path, "glyphs:4", begun) as journal:
        journal.append(entry(1))
    header = json.loads((tmp_path / NAME).read_text().splitlines()[0])
    assert header == {"format": 1, "regions": "glyphs:4", "digits": begun}
    said = {True: "digits alone", False: "any glyphs"}
    with pytest.raises(UsageError) as refused:
        Journal(tmp_path, "glyphs:4", asked)
    assert str(refused.value) == (
        f"{tmp_path / NAME}: it was begun with --labels for {said[begun]}, by which touching ones are cut. "
        f"Received: {said[asked]}; go on with the same, or choose another --output"
    )
    with Journal(tmp_path, "glyphs:4", begun) as journal:
        assert journal.entries == [entry(1)]


def test_a_journal_from_before_that_was_written_down_goes_on_either_way(tmp_path: Path) -> None:
    written(tmp_path, 1)
    for digits in (True, False):
        with Journal(tmp_path, "glyphs:4", digits) as journal:
            assert journal.entries == [entry(1)]


def test_a_newer_format_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"format": 2, "regions": "faces"}\n')
    with pytest.raises(UsageError, match=r"format 2, this eyespot reads 1"):
        Journal(tmp_path, "faces")


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    with Journal(tmp_path, "none"), pytest.raises(OutputError, match="another 'eyespot annotate' is writing it"):
        Journal(tmp_path, "none")
    Journal(tmp_path, "none").__exit__(None, None, None)


def test_nothing_is_left_where_nothing_was_said(tmp_path: Path) -> None:
    with Journal(tmp_path / "new", "none"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_was_appended_is_there_after_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.training.annotate.test_journal import entry, Journal\n"
        "journal = Journal(Path(sys.argv[1]), 'glyphs:4'); journal.append(entry(1), entry(2))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    with Journal(tmp_path, "glyphs:4") as journal:
        assert journal.entries == [entry(1), entry(2)]


def test_a_full_disk_takes_no_half_of_a_line(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    whole = path.read_bytes()
    with Journal(tmp_path, "glyphs:4") as journal:
        with full_behind(len(whole) + 20), pytest.raises(OSError, match=r"File too large: '.*annotations\.jsonl'"):
            journal.append(entry(2))
        assert path.read_bytes() == whole
        assert journal.entries == [entry(1)]
        journal.append(entry(2))
    assert path.read_bytes().startswith(whole)
    assert len(path.read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    "content", [b'{"images": []}\n', b'{"images": []}', b"notes\n", b"notes", b"[" * 100_000 + b"\n"]
)
def test_a_file_of_something_else_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(OutputError, match=r"annotations\.jsonl: (line 1 is damaged|it is no journal)"):
        Journal(tmp_path, "glyphs:4")
    assert (tmp_path / NAME).read_bytes() == content


def test_a_whole_last_line_that_cannot_be_read_is_not_thrown_away(tmp_path: Path) -> None:
    path = written(tmp_path, 2)
    path.write_bytes(path.read_bytes() + b'{"number": 3, mended by hand}\n')
    before = path.read_bytes()
    with pytest.raises(OutputError, match="line 4 is damaged"):
        Journal(tmp_path, "glyphs:4")
    assert path.read_bytes() == before


def test_a_last_line_without_its_end_was_cut_off_even_if_it_can_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-1])
    with Journal(tmp_path, "glyphs:4") as journal:
        assert (journal.torn, journal.entries) == (True, [entry(1)])
