"""`import eyespot` costs nothing, and every name that it has works as the example in its docstring says."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import eyespot

HEAVY = ("tensorflow", "keras", "onnxruntime", "onnx", "numpy", "PIL", "cv2", "bentoml")
SLOW = {"eyespot", "evaluate", "export", "Preprocessing.map"}  # they need TensorFlow


def test_the_import_loads_nothing_heavy() -> None:
    code = f"import sys, eyespot; dir(eyespot); print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_names_are_those_that_are_there() -> None:
    assert dir(eyespot) == sorted(eyespot.__all__)
    with pytest.raises(AttributeError):
        eyespot.no_such_name  # noqa: B018


@pytest.mark.slow
def test_every_name_can_be_had() -> None:
    assert all(getattr(eyespot, name) for name in eyespot.__all__)


def examples() -> list[object]:
    """Return the examples of the package and of every name, with those of its methods."""
    finder = doctest.DocTestFinder(recurse=True)
    named = [
        (eyespot, "eyespot"),
        *((getattr(eyespot, name), name) for name in ("Preprocessing", "evaluate", "export")),
    ]
    found = [test for thing, name in named for test in finder.find(thing, name) if test.examples]
    marks = {True: [pytest.mark.slow], False: []}
    return [pytest.param(test, id=test.name, marks=marks[test.name in SLOW]) for test in found]


@pytest.mark.parametrize("example", examples())
def test_the_example_of_a_docstring_gives_what_it_says(example: doctest.DocTest, beside_photos: Path) -> None:
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert not said, "".join(said)
