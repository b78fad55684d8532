"""Which package imports which, and that an extra brings all that its package imports; both read from the source."""

import ast
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import files, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# edge <- export <- training <- eyespot, and edge <- serving.
ALLOWED = {
    "edge": {"edge"},
    "export": {"edge", "export"},
    "training": {"edge", "export", "training"},
    "serving": {"edge", "serving"},
    "eyespot": {"edge", "export", "training", "eyespot"},
}
# The extras that bring what a package imports besides the base install.
EXTRAS = {
    "edge": {"cpu", "gpu", "camera", "heif", "batch", "ray"},
    "export": {"cpu", "gpu", "export"},
    "training": {"cpu", "gpu", "training"},
    "serving": {"cpu", "gpu", "camera", "serving"},
    "eyespot": {"cpu", "training"},
    "tests": {"cpu", "gpu", "training", "serving", "ray", "dev"},
}
OTHERWISE_BROUGHT = {"export": {"bentoml"}}  # for --bento, which names its extra
OWN_ENVIRONMENTS = ROOT / "tests" / "benchmarks"


@cache
def imports(package: str) -> frozenset[str]:
    """Return the modules that a package imports anywhere, inside functions and for types as well."""
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if OWN_ENVIRONMENTS in path.parents:
                continue
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                found.add(str(node.module))
    return frozenset(found)


def tops(modules: frozenset[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_towards_the_lightest_package(package: str) -> None:
    assert package in tops(imports(package))
    assert tops(imports(package)) & set(ALLOWED) <= ALLOWED[package]


def test_a_server_and_a_device_need_nothing_that_makes_models() -> None:
    assert not tops(imports("serving") | imports("edge")) & {"tensorflow", "keras", "tf2onnx", "sklearn"}


def declared(extras: set[str]) -> set[str]:
    """Return the distributions that an installation with some extras asks for by name."""
    texts = [*PROJECT["dependencies"], *(text for e in extras for text in PROJECT["optional-dependencies"][e])]
    found = set()
    for requirement in map(Requirement, texts):
        ours = requirement.name == PROJECT["name"]
        found |= declared(requirement.extras) if ours else {canonicalize_name(requirement.name)}
    return found


distributions = cache(packages_distributions)
files_of = cache(lambda name: [str(file) for file in files(name) or ()])


def brought_by(module: str) -> set[str]:
    """Return the installed distributions that hold a module; several may share the package at its top."""
    sharing = set(distributions().get(module.partition(".")[0], ()))
    starts = tuple(module.replace(".", "/") + end for end in ("/", ".py"))
    own = {name for name in sharing if any(file.startswith(starts) for file in files_of(name))}
    return {canonicalize_name(name) for name in (own if len(sharing) > 1 else sharing)}


@pytest.mark.parametrize("package", EXTRAS)
def test_its_extras_ask_for_what_a_package_imports(package: str) -> None:
    known = set(sys.stdlib_module_names) | {*ALLOWED, "docs", "tests"} | OTHERWISE_BROUGHT.get(package, set())
    foreign = {module for module in imports(package) if module.partition(".")[0] not in known}
    assert "numpy" in foreign
    asked_for = declared(EXTRAS[package])
    assert {module: names for module in foreign if not (names := brought_by(module)) & asked_for} == {}


def test_it_is_found_who_brings_a_module() -> None:
    assert brought_by("google.protobuf.message") == {"protobuf"}
    assert brought_by("yaml") == {"pyyaml"}
    assert brought_by("no_such_module") == set()
    assert {"keras", "protobuf", "scikit-learn"} <= declared({"training"})


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
    assert sum(lines.values()) <= 4800


# Classifies a picture as the program does, and prints the files of edge of which something was executed.
TRACE = """
import sys
from eyespot.cli import main
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
