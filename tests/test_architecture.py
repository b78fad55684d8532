"""The rules that hold the rooms apart, read from the source: imports run one way, and edge stays small."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import files, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

ROOT = Path(__file__).parent.parent

# Which of our packages each may import: edge <- export <- training, and edge <- serving.
ALLOWED = {
    "edge": {"edge"},
    "export": {"edge", "export"},
    "training": {"edge", "export", "training"},
    "serving": {"edge", "serving"},
}

# What each room may import of others: what the base install, the runtime and these extras bring.
EXTRAS = {
    "edge": ("cpu", "gpu", "camera", "heif", "batch", "ray"),
    "export": ("cpu", "gpu", "export"),
    "training": ("cpu", "gpu", "training"),
    "serving": ("cpu", "gpu", "camera", "serving"),
    "tests": ("cpu", "gpu", "training", "serving", "ray", "dev"),
}
# It is imported where --bento is asked for, and missed with the name of its extra.
OF_ANOTHER_EXTRA = {"export": {"bentoml"}}
# They have environments of their own.
WITHOUT_EXTRAS = ROOT / "tests" / "benchmarks"

FILES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported_packages(tree: ast.Module) -> set[str]:
    """Return the top-level packages that are imported anywhere, inside functions and for types as well."""
    return {name.partition(".")[0] or "." for name in imported_modules(tree)}


def imported_modules(tree: ast.Module) -> set[str]:
    """Return the modules that are imported anywhere, `.` for a relative import."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module if node.level == 0 and node.module else ".")
    return found


def names_of(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def test_all_four_packages_are_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(ALLOWED)
    assert {"edge/cli.py", "export/writer.py", "training/train.py", "serving/api.py"} <= set(names_of(FILES))


@pytest.mark.parametrize("path", FILES, ids=names_of(FILES))
def test_imports_run_towards_the_lightest_room(path: Path) -> None:
    found = imported_packages(parse(path))
    assert found & set(ALLOWED) <= ALLOWED[path.relative_to(ROOT).parts[0]]
    assert "." not in found, "a relative import hides where it leads"


def test_edge_is_no_larger_than_it_may_be() -> None:
    paths = sorted((ROOT / "edge").rglob("*.py"))
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert len(list((ROOT / "edge").glob("*.py"))) <= 14
    assert len(paths) <= 55
    assert max(lines.values()) <= 400
    batch = sum(count for path, count in lines.items() if "batch" in path.as_posix())
    watch = sum(count for path, count in lines.items() if "watch" in path.as_posix())
    assert batch <= 1100
    assert watch <= 700
    assert sum(lines.values()) <= 5600


# Classifies a picture as the program does, and prints the files of edge of which something was executed.
TRACE = """
import sys
from edge.cli import main
found = set()
sys.setprofile(lambda frame, event, _: found.add(frame.f_code.co_filename) if event == "call" else None)
main(["classify", *sys.argv[1:]])
sys.setprofile(None)
print(sum("/edge/" in name and "/tests/" not in name for name in found))
"""


def test_one_picture_crosses_few_files(tmp_path: Path) -> None:
    data = ROOT / "tests" / "data"
    Image.new("RGB", (28, 28)).save(tmp_path / "a.png")
    command = [sys.executable, "-c", TRACE, data / "linear-digits.onnx", tmp_path / "a.png"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 8 < int(done.stdout.splitlines()[-1]) <= 12


def test_a_server_needs_nothing_that_makes_models() -> None:
    packages = set().union(*(imported_packages(parse(path)) for path in (ROOT / "serving").rglob("*.py")))
    assert not packages & {"tensorflow", "keras", "tf2onnx"}


def declared(*extras: str) -> set[str]:
    """Return the distributions that an installation with some extras asks for by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    found = set()
    for requirement in map(Requirement, texts):
        ours = requirement.name == project["name"]
        found |= declared(*requirement.extras) if ours else {canonicalize_name(requirement.name)}
    return found


@cache
def installed() -> Mapping[str, list[str]]:
    """Return the distributions of each package that can be imported here."""
    return packages_distributions()


def brought_by(module: str) -> set[str]:
    """Return the installed distributions that a module is of; several may share the package at its top."""
    sharing = set(installed().get(module.partition(".")[0], ()))
    starts = tuple(module.replace(".", "/") + end for end in ("/", ".py"))
    own = {name for name in sharing if any(str(file).startswith(starts) for file in files(name) or ())}
    return {canonicalize_name(name) for name in (own if len(sharing) > 1 else sharing)}


@pytest.mark.parametrize("room", EXTRAS)
def test_what_a_room_imports_is_what_its_extras_ask_for(room: str) -> None:
    paths = [path for path in (ROOT / room).rglob("*.py") if WITHOUT_EXTRAS not in path.parents]
    modules = set().union(*(imported_modules(parse(path)) for path in paths))
    known = set(sys.stdlib_module_names) | {*ALLOWED, "tests"} | OF_ANOTHER_EXTRA.get(room, set())
    foreign = {module for module in modules if module.partition(".")[0] not in known}
    assert "numpy" in foreign
    asked_for = declared(*EXTRAS[room])
    assert {module: names for module in foreign if not (names := brought_by(module)) & asked_for} == {}


def test_who_brings_a_module_that_several_could() -> None:
    assert brought_by("opentelemetry.instrumentation.asgi") == {"opentelemetry-instrumentation-asgi"}
    assert brought_by("google.protobuf.message") == {"protobuf"}
    assert brought_by("yaml") == {"pyyaml"}
    assert brought_by("nobody.brings.this") == set()
    assert {"keras", "protobuf", "scikit-learn"} <= declared("training")


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


def test_the_detectors_find_what_they_look_for() -> None:
    source = """
import numpy.linalg
from . import near
def outer():
    from training.fit import fit
    assert fit
"""
    tree = ast.parse(source)
    assert imported_packages(tree) == {"numpy", ".", "training"}
    assert named_modules(ast.parse("load('export.writer'); say('the export.writer'); load('os.path')")) == {
        "export.writer"
    }
