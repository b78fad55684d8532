"""The rules that hold the rooms apart, read from the source: imports run one way, no assert, docstrings."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Which of our packages each may import: edge <- export <- training, and edge <- serving.
ALLOWED = {
    "edge": {"edge"},
    "export": {"edge", "export"},
    "training": {"edge", "export", "training"},
    "serving": {"edge", "serving"},
}

# What a device has; nothing else that is not in the standard library may be imported in the edge room.
EDGE_NEEDS = {"numpy", "cv2", "onnxruntime"}

# What one extra brings, and the one file that may ask for it; no other file imports that one but inside a function.
EDGE_EXTRAS = {"edge/batch/parquet.py": {"pyarrow"}, "edge/batch/ray_engine.py": {"pyarrow", "ray"}}

FILES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))

Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported_packages(tree: ast.Module) -> set[str]:
    """Return the top-level packages that are imported anywhere, inside functions and for types as well."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module if node.level == 0 and node.module else ".")
    return {name.partition(".")[0] or "." for name in found}


def public_definitions(tree: Definition, name: str) -> Iterator[tuple[str, Definition]]:
    """Yield the module, and its public functions, classes and their public methods."""
    yield name, tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            inner = f"{name}.{node.name}"
            yield from public_definitions(node, inner) if isinstance(node, ast.ClassDef) else [(inner, node)]


def names_of(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def test_all_four_packages_are_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(ALLOWED)
    assert {"edge/cli.py", "export/writer.py", "training/fit.py", "serving/api.py"} <= set(names_of(FILES))


@pytest.mark.parametrize("path", FILES, ids=names_of(FILES))
def test_imports_run_towards_the_lightest_room(path: Path) -> None:
    found = imported_packages(parse(path))
    assert found & set(ALLOWED) <= ALLOWED[path.relative_to(ROOT).parts[0]]
    assert "." not in found, "a relative import hides where it leads"


@pytest.mark.parametrize("path", sorted((ROOT / "edge").rglob("*.py")), ids=lambda path: path.name)
def test_edge_imports_nothing_that_a_device_lacks(path: Path) -> None:
    allowed = EDGE_NEEDS | EDGE_EXTRAS.get(path.relative_to(ROOT).as_posix(), set())
    assert imported_packages(parse(path)) - set(sys.stdlib_module_names) - {"edge"} <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "edge").rglob("*.py")), ids=lambda path: path.name)
def test_edge_loads_what_an_extra_brings_only_when_it_is_asked_for(path: Path) -> None:
    optional = {name.removesuffix(".py").replace("/", ".") for name in EDGE_EXTRAS}
    at_the_top = [node.module for node in parse(path).body if isinstance(node, ast.ImportFrom)]
    assert not optional & set(at_the_top)


@pytest.mark.parametrize("path", sorted((ROOT / "serving").rglob("*.py")), ids=lambda path: path.name)
def test_a_server_needs_nothing_that_makes_models(path: Path) -> None:
    assert not imported_packages(parse(path)) & {"onnx", "tensorflow", "keras", "tf2onnx", "google"}


def named_modules(tree: ast.Module) -> set[str]:
    """Return the modules of ours that stand in strings, from where `importlib` could load them."""
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in strings if re.fullmatch(rf"({'|'.join(ALLOWED)})(\.\w+)+", text)}


def test_only_the_table_of_subcommands_names_modules_of_heavier_rooms() -> None:
    """What a light room loads by name, and only where it is asked for, stands in one place and exists."""
    found = {path: named_modules(parse(path)) for path in FILES}
    heavier = {
        path: names - {name for name in names if name.partition(".")[0] in ALLOWED[path.relative_to(ROOT).parts[0]]}
        for path, names in found.items()
    }
    assert names_of([path for path, names in heavier.items() if names]) == ["edge/cli.py"]
    for name in heavier[ROOT / "edge" / "cli.py"]:
        assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file(), name


@pytest.mark.parametrize("path", FILES, ids=names_of(FILES))
def test_shipped_code_does_not_assert(path: Path) -> None:
    assert [node.lineno for node in ast.walk(parse(path)) if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("path", FILES, ids=names_of(FILES))
def test_what_is_public_has_a_docstring(path: Path) -> None:
    definitions = dict(public_definitions(parse(path), path.stem))
    assert [name for name, node in definitions.items() if not (ast.get_docstring(node) or "").strip()] == []


def test_the_detectors_find_what_they_look_for() -> None:
    source = """
import numpy.linalg
from . import near
def outer():
    from training.fit import fit
    assert fit
class Shown:
    def method(self): ...
    def _hidden(self): ...
"""
    tree = ast.parse(source)
    assert imported_packages(tree) == {"numpy", ".", "training"}
    assert named_modules(ast.parse("load('export.writer'); say('the export.writer'); load('os.path')")) == {
        "export.writer"
    }
    found = dict(public_definitions(tree, "m"))
    assert list(found) == ["m", "m.outer", "m.Shown", "m.Shown.method"]
    assert not any(ast.get_docstring(node) for node in found.values())
