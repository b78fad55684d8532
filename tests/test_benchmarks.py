"""The benchmarks are too long to run here; what they take from eyespot must still be there."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parent / "benchmarks").glob("*.py"))
ROOMS = {"edge", "export", "serving", "training", "tests"}


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of all that a script takes from our rooms, also in the scripts that it holds as text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in ROOMS:
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            try:
                yield from imports(node.value)
            except SyntaxError:
                continue


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_a_benchmark_imports_exists(script: Path) -> None:
    missing = [
        f"{module}.{name}"
        for module, name in imports(script.read_text(encoding="utf-8"))
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []


def test_imports_are_found_in_text_as_well() -> None:
    source = 'from edge.classifier import Classifier\nSNIPPET = """import sys\nfrom export.gone import lost\n"""\n'
    assert list(imports(source)) == [("edge.classifier", "Classifier"), ("export.gone", "lost")]


def test_every_benchmark_that_is_listed_is_a_script() -> None:
    tree = ast.parse((SCRIPTS[0].parent / "all.py").read_text(encoding="utf-8"))
    listed = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and str(node.value).endswith(".py")
    }
    assert listed <= {script.name for script in SCRIPTS}
    assert {"batch.py", "http_service.py", "preprocessing.py"} <= listed
    # What says no verdict would count as not run, and be missing from the table.
    assert [name for name in listed if "verdicts import" not in (SCRIPTS[0].parent / name).read_text()] == []
