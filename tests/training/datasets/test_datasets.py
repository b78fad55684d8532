"""The table of data sets: names first, then folders, then the nearest name."""

from pathlib import Path

import pytest

from edge.errors import DatasetError
from tests.training.conftest import Draw
from training.datasets import load_dataset


def test_a_name_is_a_bundled_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()  # a folder of that name is reached as ./digits
    monkeypatch.chdir(tmp_path)
    assert len(load_dataset("digits").names) == 1797


def test_anything_else_is_a_folder(draw: Draw) -> None:
    assert load_dataset(str(draw(cat=["a.png"], dog=["a.png"]))).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "said"), [("digit", "did you mean 'digits'"), ("nowhere", "Known: digits, mnist, .*, a folder")]
)
def test_an_unknown_name_says_what_there_is(name: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said) as caught:
        load_dataset(name)
    assert repr(name) in str(caught.value)


def test_a_file_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="a folder with one folder for each class"):
        load_dataset(str(tmp_path / "a.png"))
