"""Answers, undo and corrections, at any moment of which the machine may stop, and several writers at once."""

import json
import threading
from pathlib import Path

import pytest

from edge.errors import ImageError, OutputError, UsageError
from edge.spec import Glyphs
from tests.training.annotate.conftest import TEXTS, aim, begun
from tests.training.annotate.sittings import labelled, truth
from training.annotate.aim import Aim, StaleError
from training.annotate.answers import Answers
from training.annotate.cutter import Cutter
from training.annotate.journal import NAME, Journal
from training.annotate.pace import Pace
from training.annotate.pictures import Pictures
from training.annotate.session import Session

ALL = "".join(TEXTS)


def say(session: Session, index: int, label: str) -> None:
    assert session.answer(aim(session, index), label) is None


def label_all(session: Session) -> None:
    for index, label in enumerate(ALL):
        say(session, index, label)


def files(output: Path) -> set[str]:
    return {path.relative_to(output).as_posix() for path in output.glob("*/*")}


def test_all_labelled_is_the_truth(session: Session, codes: Path, output: Path) -> None:
    label_all(session)
    assert labelled(output) == truth(codes, *TEXTS)
    assert session.next_open(-1) is None
    assert dict(session.answers.counts) == {c: ALL.count(c) for c in ALL}


def test_a_correction_moves_the_file_and_undo_moves_it_back(session: Session, output: Path) -> None:
    say(session, 0, "1")
    say(session, 0, "7")
    assert files(output) == {"7/000001.png"}
    assert session.undo(2) == (session.items[0].key, None)
    assert files(output) == {"1/000001.png"}
    assert session.undo(1) == (session.items[0].key, None)
    assert files(output) == set()
    assert session.next_open(-1) == 0
    with pytest.raises(StaleError, match="meanwhile"):
        session.undo(0)
    say(session, 0, "7")
    assert files(output) == {"7/000002.png"}  # a name is given once


def test_ignoring_takes_the_file_away_and_is_undone(session: Session, output: Path) -> None:
    say(session, 1, "3")
    session.answer(aim(session, 1), None)
    assert (files(output), session.answers.ignored, session.answers.counts["3"]) == (set(), 1, 0)
    session.undo(2)
    assert (files(output), session.answers.ignored, session.answers.counts["3"]) == ({"3/000001.png"}, 0, 1)


def test_a_whole_picture_is_ignored_but_for_what_was_answered(session: Session, output: Path) -> None:
    say(session, 1, "3")
    session.ignore_picture(aim(session, 2))
    assert [session.answers.is_open(item.key) for item in session.items] == [False] * 4 + [True] * 4
    assert (session.answers.ignored, files(output)) == (3, {"3/000001.png"})
    assert session.undo(4) == (session.items[0].key, None)
    assert [session.answers.is_open(item.key) for item in session.items] == [True, False] + [True] * 6
    assert (session.next_open(-1), session.left(), session.answers.ignored) == (0, 7, 0)
    session.undo(1)  # the act before
    assert (session.left(), files(output)) == (8, set())


def test_an_act_is_taken_back_as_a_whole_in_the_next_sitting_too(codes: Path, output: Path) -> None:
    with begun(codes, output) as session:
        session.ignore_picture(aim(session, 5))
        session.answer(aim(session, 0), None)  # an act of its own
    lines = (output / NAME).read_text().splitlines()
    assert [json.loads(line).get("act") for line in lines[1:]] == [1, 1, 1, 1, None]
    with begun(codes, output) as session:
        session.undo(5)
        assert (session.left(), session.answers.ignored) == (4, 4)
        session.undo(4)
        assert (session.left(), session.answers.ignored) == (8, 0)
        with pytest.raises(StaleError):
            session.undo(3)
    undone = [json.loads(line)["undoes"] for line in (output / NAME).read_text().splitlines()[6:]]
    assert undone == [5, 4, 3, 2, 1]


def test_an_act_whose_undoing_was_cut_off_is_taken_back_by_the_next(codes: Path, output: Path) -> None:
    with begun(codes, output) as session:
        session.ignore_picture(aim(session, 0))
        session.undo(4)
    lines = (output / NAME).read_bytes().splitlines(keepends=True)
    (output / NAME).write_bytes(b"".join(lines[:7]) + lines[7][:20])  # two of four entries were taken back
    with begun(codes, output) as session:
        assert session.left() == 6
        assert session.undo(2) == (session.items[0].key, None)
        assert session.left() == 8


def test_an_answer_asks_about_no_other_item(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    is_open = Answers.is_open

    def counted(answers: Answers, key: str) -> bool:
        asked.append(key)
        return is_open(answers, key)

    monkeypatch.setattr(Answers, "is_open", counted)
    say(session, 3, "1")
    assert (session.left(), session.next_open(3), session.next_open(7)) == (7, 4, 0)
    assert asked == [session.items[3].key]


def test_of_two_items_that_nothing_tells_apart_one_is_asked_about(codes: Path, output: Path) -> None:
    pictures = Pictures(Cutter(Glyphs(4)))
    with begun(codes, output) as session, Journal(output / "other", "glyphs:4") as journal:
        twice = Session((session.items[0], *session.items[:2]), journal, pictures.content, (), Pace())
        assert (twice.left(), twice.next_open(-1)) == (2, 1)
        say(twice, 1, "7")
        assert (twice.left(), twice.next_open(-1)) == (1, 2)


def test_the_same_label_again_is_no_answer(session: Session, output: Path) -> None:
    say(session, 0, "7")
    say(session, 0, "7")
    assert len((output / NAME).read_text().splitlines()) == 2


def test_what_comes_next_is_open_and_behind(session: Session) -> None:
    say(session, 1, "3")
    assert [session.next_open(index) for index in (-1, 0, 1, 6, 7)] == [0, 2, 2, 7, 0]


@pytest.mark.parametrize("change", [{"seen": 1}, {"key": "other"}, {"item": 1}, {"item": -1}, {"item": 99}])
def test_an_answer_to_something_else_lands_nowhere(session: Session, output: Path, change: dict[str, int]) -> None:
    with pytest.raises(StaleError):
        session.answer(Aim(**{**vars(aim(session, 0)), **change}), "7")
    assert (files(output), len((output / NAME).read_text().splitlines())) == (set(), 1)


def test_labels_that_cannot_be_are_refused(codes: Path, output: Path) -> None:
    with begun(codes, output, labels=("7", "3")) as session:
        with pytest.raises(UsageError, match="one of 7, 3"):
            session.answer(aim(session, 0), "8")
        say(session, 0, "7")
    with begun(codes, output) as session:
        with pytest.raises(UsageError, match="possible name"):
            session.answer(aim(session, 1), "../evil")
        say(session, 1, "a")
        with pytest.raises(UsageError, match="'a' and 'A'"):
            session.answer(aim(session, 2), "A")
        (output / "B").mkdir()  # of another origin
        with pytest.raises(UsageError, match="'B' and 'b'"):
            session.answer(aim(session, 2), "b")


def test_a_second_sitting_goes_on_and_can_undo_the_first(codes: Path, output: Path) -> None:
    with begun(codes, output) as first:
        for index in range(5):
            say(first, index, ALL[index])
    with begun(codes, output) as second:
        assert second.next_open(-1) == 5
        assert second.undo(5)[0] == second.items[4].key
        for index in range(4, 8):
            say(second, index, ALL[index])
    assert labelled(output) == truth(codes, *TEXTS)


def test_the_folder_is_made_again_from_the_journal(codes: Path, output: Path) -> None:
    with begun(codes, output) as session:
        label_all(session)
        say(session, 0, "1")
        say(session, 0, "7")
    before = {path: path.read_bytes() for path in output.glob("*/*")}
    for path in before:
        path.unlink()
    (output / "1" / "000002.png").write_bytes(b"left by a kill before it was removed")
    (output / "1" / ".000009.png.0123abcd.partial").write_bytes(b"left by a kill before it was whole")
    with begun(codes, output) as session:
        assert session.next_open(-1) is None
    assert {path: path.read_bytes() for path in output.glob("*/*")} == before


def test_pictures_that_are_gone_keep_what_was_said(codes: Path, output: Path) -> None:
    with begun(codes, output) as session:
        label_all(session)
    (codes / "001.png").unlink()
    with begun(codes, output) as session:
        assert len(session.items) == 4
        assert session.rebuild() == []
        with pytest.raises(StaleError, match=r"in 001\.png, is not there any more"):
            session.undo(8)
        (output / "8" / "000001.png").unlink()
        assert session.rebuild() == ["8/000001.png"]
    assert len(labelled(output)) == 7


def test_a_picture_that_changes_under_the_hand_is_not_labelled(session: Session, codes: Path, output: Path) -> None:
    (codes / "000.png").write_bytes((codes / "001.png").read_bytes())
    with pytest.raises(ImageError, match="has changed since"):
        session.answer(aim(session, 0), "7")
    assert session.answer(aim(session, 0), None) is None
    assert files(output) == set()


def test_a_journal_that_was_changed_by_hand_is_one_line(codes: Path, output: Path) -> None:
    with begun(codes, output) as session:
        say(session, 0, "7")
        say(session, 1, "3")
    lines = [json.loads(line) for line in (output / NAME).read_text().splitlines()]
    lines[2] |= {"state": "open", "label": None, "file": None, "undoes": 7}
    (output / NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(OutputError, match="entry 2 undoes entry 7, which is not the last"), begun(codes, output):
        pass


def test_a_folder_that_refuses_a_file_takes_nothing_into_the_journal(session: Session, output: Path) -> None:
    (output / "7").write_bytes(b"a file where the class folder should be")
    with pytest.raises(OutputError, match=r"^not saved: .*/7: Not a directory; mend it and answer again$"):
        session.answer(aim(session, 0), "7")
    assert len((output / NAME).read_text().splitlines()) == 1
    (output / "7").unlink()
    say(session, 0, "7")
    assert len(files(output)) == 1


def test_an_old_file_that_cannot_go_is_a_warning_and_goes_at_the_next_start(codes: Path, output: Path) -> None:
    with begun(codes, output) as session:
        say(session, 0, "1")
        (output / "1" / "000001.png").unlink()
        (output / "1" / "000001.png").mkdir()  # which unlink refuses, whoever asks
        warning = session.answer(aim(session, 0), "7")
        assert warning
        assert warning.startswith("saved, but ")
        (output / "1" / "000001.png").rmdir()
        (output / "1" / "000001.png").write_bytes(b"still here")
    with begun(codes, output):
        assert files(output) == {"7/000001.png"}


def test_many_at_once_are_one_after_the_other(session: Session, codes: Path, output: Path) -> None:
    won: list[int] = []

    def race(index: int) -> None:
        for _ in range(3):
            try:
                session.answer(Aim(index, session.items[index].key, 0), ALL[index])
                won.append(index)
            except StaleError:
                pass

    threads = [threading.Thread(target=race, args=(index,)) for index in list(range(8)) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(8))
    assert labelled(output) == truth(codes, *TEXTS)
    numbers = [json.loads(line)["number"] for line in (output / NAME).read_text().splitlines()[1:]]
    assert numbers == list(range(1, 9))


def test_a_folder_that_is_removed_under_the_hand_takes_no_answer(session: Session, output: Path) -> None:
    say(session, 0, "7")
    (output / NAME).rename(output / "moved")
    with pytest.raises(OutputError, match=r"^not saved: .*annotations\.jsonl: No such file or directory; "):
        session.answer(aim(session, 1), "3")
    assert files(output) == {"7/000001.png"}


def test_behind_the_end_nothing_is_taken(session: Session, output: Path) -> None:
    session.close()
    with pytest.raises(OutputError, match="not saved: the annotation has ended"):
        session.answer(aim(session, 0), "7")
    assert files(output) == set()
