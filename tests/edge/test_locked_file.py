"""A file that one process at a time may write."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import OutputError
from edge.locked_file import is_at, open_locked


def test_a_second_one_is_refused_in_our_words_until_the_first_closes(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    script = "import sys; from edge.locked_file import *; open_locked(Path(sys.argv[1]), 'not now')"
    with open_locked(path, "not now") as file:
        file.write(b"row")
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
        assert done.stderr.splitlines()[-1] == "edge.errors.OutputError: not now"
        with pytest.raises(OutputError, match=r"^not now$"):
            open_locked(path, "not now")
    with open_locked(path, "not now") as file:
        assert file.readall() == b"row"


def test_a_name_that_has_moved_on_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    with open_locked(path, "not now") as file:
        assert is_at(file, path)
        path.rename(tmp_path / "other")
        assert not is_at(file, path)
        with open_locked(path, "not now") as second:
            assert is_at(second, path)
            assert not is_at(file, path)
