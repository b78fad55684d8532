"""The benchmarks are too long to run here; what they take from eyespot must still be there."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.all import BENCHMARKS

SCRIPTS = sorted((Path(__file__).parent / "benchmarks").glob("*.py"))
OURS = {"edge", "export", "serving", "training", "tests"}


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of all that a script takes from us, also in the scripts that it holds as text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in OURS:
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\nfrom " in node.value:
            yield from imports(node.value)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_a_benchmark_imports_exists(script: Path) -> None:
    taken = list(imports(script.read_text(encoding="utf-8")))
    assert [pair for pair in taken if not hasattr(importlib.import_module(pair[0]), pair[1])] == []


def test_every_benchmark_that_is_listed_is_a_module_that_says_verdicts() -> None:
    texts = {script.stem: script.read_text(encoding="utf-8") for script in SCRIPTS}
    assert all("at_most(" in texts[name] or "at_least(" in texts[name] for name in BENCHMARKS)
