"""The ledger on a real disk: cut anywhere, full, locked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.answer import Answer
from edge.batch.ledger import Ledger
from edge.batch.row import Row, to_line
from edge.errors import ImageError, OutputError


def row(number: int) -> Row:
    return Row(Answer(f"{number}.png", None, ImageError("empty", "the file is empty")), "ab" * 32, number)


LINES = b"".join(to_line(row(number)) for number in range(5))


def test_rows_are_in_the_file_as_soon_as_they_are_appended(tmp_path: Path) -> None:
    with Ledger(tmp_path / "r.jsonl") as ledger:
        for number in range(5):
            ledger.append(row(number))
            assert ledger.path.read_bytes() == b"".join(to_line(row(i)) for i in range(number + 1))


def test_cut_anywhere_it_keeps_the_rows_that_are_whole_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.partial"
    for end in range(0, len(LINES), 23):
        # A power failure may leave blocks of zeros, and behind them what was written later.
        for garbage in (b"", bytes(100), bytes(100) + LINES[-50:]):
            path.write_bytes(LINES[:end] + garbage)
            with Ledger(tmp_path / "r.jsonl") as ledger:
                whole = list(ledger.recover())
                assert len(whole) == LINES[:end].count(b"\n")
                for number in range(len(whole), 5):
                    ledger.append(row(number))
            assert path.read_bytes() == LINES


@pytest.mark.parametrize("damage", [b"\n", b"\xff\n", b"{}\n", b'{"path": "a.png", "label": "another format"}\n'])
@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_line_that_is_damaged_is_named_and_nothing_is_cut_off(tmp_path: Path, damage: bytes, place: int) -> None:
    lines = LINES.splitlines(keepends=True)
    content = b"".join([*lines[:place], damage, *lines[place:]])
    (tmp_path / "r.jsonl.partial").write_bytes(content)
    message = rf"r\.jsonl\.partial: line {place + 1} is damaged; restore the file, or --overwrite starts anew$"
    with Ledger(tmp_path / "r.jsonl") as ledger:
        for rows in (ledger.read(), ledger.recover()):
            with pytest.raises(OutputError, match=message):
                list(rows)
    assert (tmp_path / "r.jsonl.partial").read_bytes() == content


@pytest.mark.parametrize("end", [b"{", bytes(100)])
def test_a_ledger_that_has_all_rows_has_no_half_ones(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "r.jsonl.partial").write_bytes(LINES + end)
    with Ledger(tmp_path / "r.jsonl") as ledger, pytest.raises(OutputError, match="line 6 is damaged"):
        list(ledger.read())
    assert (tmp_path / "r.jsonl.partial").read_bytes() == LINES + end


def test_a_ledger_in_use_is_refused_and_free_again_when_its_run_has_died(tmp_path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from edge.batch.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(tmp_path / "r.jsonl")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(OutputError, match=r"r\.jsonl: another run is writing it"):
            Ledger(tmp_path / "r.jsonl")
        process.kill()
    with Ledger(tmp_path / "r.jsonl") as ledger:
        ledger.append(row(0))


def test_a_ledger_that_became_the_output_while_another_waited_is_not_taken_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Ledger(tmp_path / "r.jsonl")
    first.append(row(0))
    real_open, opened = os.open, []

    def open_then_finish(path: object, *arguments: int) -> int:
        handle = real_open(path, *arguments)  # type: ignore[arg-type]
        if not opened and str(path).endswith(".partial"):
            opened.append(path)
            first.become_output()
            first.__exit__(None, None, None)
        return handle

    monkeypatch.setattr(os, "open", open_then_finish)
    with Ledger(tmp_path / "r.jsonl") as second:
        assert not second.has_rows
        second.append(row(1))
    assert (tmp_path / "r.jsonl").read_bytes() == to_line(row(0))
    assert (tmp_path / "r.jsonl.partial").read_bytes() == to_line(row(1))


def test_an_unused_ledger_leaves_nothing_behind(tmp_path: Path) -> None:
    for output in (tmp_path / "r.jsonl", tmp_path / "new" / "r.jsonl"):
        with Ledger(output) as ledger:
            ledger.order_path.write_text("what the run was told")
        assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_half_written_goes_with_the_next(tmp_path: Path) -> None:
    for name in (".r.01234567.partial.csv", ".r.csv.01234567.partial.run"):
        (tmp_path / name).write_bytes(b"half")
    with Ledger(tmp_path / "r.csv"):
        assert os.listdir(tmp_path) == ["r.csv.partial"]
