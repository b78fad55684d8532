"""Lists of paths, as text and as CSV, whole and broken."""

import os
from io import BytesIO
from pathlib import Path

import pytest

from edge.batch.lists import LONGEST_LINE_BYTES, read_csv, read_lines
from edge.errors import UsageError


def paths(content: bytes, null: bool = False) -> list[str]:
    return [path for path, error in read_lines(BytesIO(content), "list", null) if error is None]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a.png\nb c.png\n", ["a.png", "b c.png"]),
        (b"a.png\r\n\r\n\nb.png", ["a.png", "b.png"]),
        (b"\xef\xbb\xbfa.png\n", ["a.png"]),
        (b"gr\xfcn.png\n", [os.fsdecode(b"gr\xfcn.png")]),
        (b" # no comment.png\n", [" # no comment.png"]),
    ],
)
def test_a_line_is_a_path(content: bytes, expected: list[str]) -> None:
    assert paths(content) == expected


def test_names_that_end_with_nul_may_hold_new_lines() -> None:
    assert paths(b"a\nb.png\0c\r\0\0d.png", null=True) == ["a\nb.png", "c\r", "d.png"]


def test_a_line_without_end_is_an_error_in_its_place_and_takes_no_memory() -> None:
    found = list(read_lines(BytesIO(b"a.png\n" + b"x" * 5 * LONGEST_LINE_BYTES + b"\nb.png\n"), "list", False))
    assert [(path, error and error.code) for path, error in found] == [
        ("a.png", None),
        ("list:2", "not_found"),
        ("b.png", None),
    ]


def test_lines_across_the_pieces_in_which_they_are_read_stay_whole() -> None:
    names = [f"{'long ' * 50}{i}.png" for i in range(2_000)]
    assert paths("\n".join(names).encode()) == names


def csv(tmp_path: Path, content: bytes, column: str = "path") -> list[tuple[str, str | None]]:
    (tmp_path / "list.csv").write_bytes(content)
    found = read_csv(str(tmp_path / "list.csv"), column)
    return [(os.path.basename(path), error and error.code) for path, error in found]


def test_a_column_of_csv_holds_paths(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbflabel,path\r\ncat,a.png\r\n"a ""dog""","b, c.png"\r\n\r\ncat\r\nx,gr\xfcn.png\r\n'
    expected = [("a.png", None), ("b, c.png", None), ("list.csv:5", "not_found"), (os.fsdecode(b"gr\xfcn.png"), None)]
    assert csv(tmp_path, content) == expected
    assert csv(tmp_path, content, "label")[0] == ("cat", None)


@pytest.mark.parametrize("content", [b"", b"a.png\nb.png\n"])
def test_csv_without_the_column_is_a_wrong_call(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="it has no column 'path'"):
        csv(tmp_path, content)


def test_a_list_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    for found in (read_lines(str(tmp_path), "folder", False), read_csv(str(tmp_path), "path")):
        ((_, error),) = found
        assert error is not None
        assert error.code == "unreadable"
