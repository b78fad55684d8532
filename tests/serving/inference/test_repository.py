"""The repository: names and versions beside each other, and files that are replaced while it serves."""

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelNotFoundError, UsageError
from serving.errors import RequestError
from serving.inference.engine import Engine
from serving.inference.repository import Repository, find_models
from serving.settings import Settings
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import restamped, without_entry, written
from tests.serving.conftest import encode_png


@contextmanager
def repository(*models: Path) -> Iterator[Repository]:
    made = Repository(Settings(models=tuple(map(str, models)), threads=2), "cpu")
    try:
        yield made
    finally:
        made.close()


def reversed_labels(content: bytes) -> bytes:
    """Another version of the tiny model: what was bright is dark. Its samples' answers do not change."""
    return restamped(content, labels=("bright", "middle", "dark"))


def best(engine: Engine, level: int) -> str:
    async def ask() -> str:
        return engine.spec.labels[
            int((await asyncio.wrap_future(engine.submit(encode_png(level)))).probabilities.argmax())
        ]

    return asyncio.run(ask())


def test_names_and_versions_stand_beside_each_other(tiny_content: bytes, tmp_path: Path) -> None:
    contents = [tiny_content, reversed_labels(tiny_content), restamped(tiny_content, name="other")]
    paths = [written(tmp_path / f"{i}.onnx", content) for i, content in enumerate(contents)]
    with repository(*paths) as models:
        first, second, other = models.engines
        assert models.find() is first
        assert models.find("tiny") is first
        assert models.find("tiny", second.spec.version) is second
        assert models.find("other") is other
        assert models.versions("tiny") == [first, second]
        assert [best(engine, 250) for engine in models.engines] == ["bright", "dark", "bright"]


@pytest.mark.parametrize(("name", "version"), [("nobody", None), ("tiny", "0" * 16), ("", None)])
def test_what_is_not_there_is_404(tiny_model: Path, name: str, version: str | None) -> None:
    with repository(tiny_model) as models, pytest.raises(RequestError, match="there is no model") as caught:
        models.find(name, version)
    assert (caught.value.status, caught.value.code) == (404, "unknown_model")


def test_folders_are_taken_in_order_of_names_and_each_file_once(tmp_path: Path) -> None:
    for name in ("b.onnx", "a.onnx", "c.txt", ".hidden.onnx"):
        (tmp_path / name).touch()
    found = find_models((str(tmp_path / "b.onnx"), str(tmp_path)))
    assert [path.name for path in found] == ["b.onnx", "a.onnx"]


def test_the_same_model_twice_is_refused(tiny_content: bytes, tmp_path: Path) -> None:
    paths = [written(tmp_path / name, tiny_content) for name in ("a.onnx", "b.onnx")]
    with pytest.raises(UsageError, match=r"a\.onnx and .*b\.onnx hold the same model, tiny"):
        Repository(Settings(models=tuple(map(str, paths))), "cpu")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no such model file"):
        Repository(Settings(models=(str(tmp_path / "none.onnx"),)), "cpu")
    with pytest.raises(ModelNotFoundError, match="no file can have this name"):
        Repository(Settings(models=("a\0b.onnx",)), "cpu")


def test_a_replaced_file_is_taken_up_and_old_requests_are_answered(tiny_content: bytes, tiny_model: Path) -> None:
    with repository(tiny_model) as models:
        old = models.find()
        assert models.refresh() == ([], [])
        assert models.find() is old
        written(tiny_model, reversed_labels(tiny_content))
        assert models.refresh() == ([str(tiny_model)], [])
        assert best(models.find(), 250) == "dark"
        assert best(old, 250) == "bright"  # a request that began before


def unreadable(content: bytes) -> bytes:
    """An artifact whose digest is right and whose network no runtime can load."""
    model = without_entry(content)
    next(node for node in model.graph.node if node.op_type == "Softmax").op_type = "Nonsense"
    return restamped(content, model)


BAD = {
    "cut short": lambda content: content[:-100],
    "altered": lambda content: content.replace(b"ReduceMean", b"ReduceMaxx"),
    "nothing": lambda _: b"",
    "no runtime loads it": unreadable,
    "gone": lambda _: None,
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_new_file_leaves_the_old_model_and_is_said_once(tiny_content: bytes, tiny_model: Path, kind: str) -> None:
    with repository(tiny_model) as models:
        old = models.find()
        bad: Any = BAD[kind](tiny_content)
        tiny_model.unlink() if bad is None else written(tiny_model, bad)
        fresh, refused = models.refresh()
        assert (fresh, len(refused)) == ([], 1)
        assert "tiny.onnx" in refused[0]
        assert models.refresh() == ([], [])
        assert len(models.refresh(again=True)[1]) == 1
        assert models.find() is old
        assert best(old, 250) == "bright"
        written(tiny_model, reversed_labels(tiny_content))
        assert models.refresh() == ([str(tiny_model)], [])


def test_a_disk_that_fails_leaves_the_models_as_they_were(
    tiny_content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    file = written(tmp_path / "a.onnx", tiny_content)
    with repository(tmp_path) as models:
        old = models.find()
        with monkeypatch.context() as broken:
            broken.setattr(Path, "is_dir", fail)
            assert models.refresh() == ([], [])
        written(file, reversed_labels(tiny_content))
        with monkeypatch.context() as broken:
            broken.setattr("serving.inference.repository.read_model", fail)
            fresh, refused = models.refresh()
            assert (fresh, len(refused)) == ([], 1)
            assert os.strerror(errno.EIO) in refused[0]
        assert models.find() is old
        assert models.refresh(again=True) == ([str(file)], [])


def test_a_folder_gains_and_loses_models(tiny_content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    written(folder / "a.onnx", tiny_content)
    with repository(folder) as models:
        written(folder / "b.onnx", restamped(tiny_content, name="second"))
        written(folder / "c.onnx", b"half a file")
        fresh, refused = models.refresh()
        assert (fresh, len(refused)) == ([str(folder / "b.onnx")], 1)
        assert [engine.spec.name for engine in models.engines] == ["tiny", "second"]
        (folder / "a.onnx").unlink()
        assert models.refresh() == ([], [])
        assert [engine.spec.name for engine in models.engines] == ["second"]
        os.unlink(folder / "b.onnx")
        os.unlink(folder / "c.onnx")
        models.refresh()
        assert [engine.spec.name for engine in models.engines] == ["second"]  # nothing is no replacement


def test_a_new_file_that_repeats_another_is_refused_once(tiny_content: bytes, tmp_path: Path) -> None:
    written(tmp_path / "a.onnx", tiny_content)
    with repository(tmp_path) as models:
        old = models.find()
        written(tmp_path / "b.onnx", tiny_content)
        fresh, refused = models.refresh()
        assert fresh == []
        assert "hold the same model" in refused[0]
        assert models.refresh() == ([], [])
        assert models.engines == (old,)


def test_no_request_fails_while_models_change_under_it(tiny_content: bytes, tiny_model: Path) -> None:
    """Both versions give black nearly all to their first label; an answer of the wrong one would be seen."""
    contents = [tiny_content, reversed_labels(tiny_content)]

    async def ask_and_replace(models: Repository) -> None:
        done = asyncio.Event()

        async def replace() -> None:
            for i in range(6):
                written(tiny_model, contents[(i + 1) % 2])
                assert await asyncio.to_thread(models.refresh) == ([str(tiny_model)], [])
            done.set()

        async def ask(level: int) -> int:
            count = 0
            while not done.is_set():
                answer = await asyncio.wrap_future(models.find().submit(encode_png(level)))
                np.testing.assert_allclose(answer.probabilities, tiny_probabilities(level), rtol=0, atol=1e-6)
                count += 1
            return count

        *counts, _ = await asyncio.gather(*map(ask, (0, 77, 140, 255)), replace())
        assert min(counts) > 6

    with repository(tiny_model) as models:
        asyncio.run(ask_and_replace(models))
