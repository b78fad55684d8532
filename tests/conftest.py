"""What several tests share: a trained run and its artifact (slow, real), and a tiny artifact (fast, no TensorFlow)."""

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.spec import SPEC_FORMAT, ModelSpec, SelfTest, SelfTestSample
from edge.steps import Grey, Resize, Scale
from export.graph.merge import merge
from export.parity.compare import Comparison, View
from export.preprocess import build_preprocessing, make_model
from export.writer import encode_png, make_self_test, stamp

# Tests with these fixtures are slow; 'make check' leaves them out.
SLOW_FIXTURES = {"lenet_run", "lenet_model", "served_lenet"}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup() -> None:
    """Programs that a test starts are as quiet as a user's: importing tf2onnx sets a variable that says otherwise."""
    os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)


def run_eyespot(*arguments: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run the installed command as a user would and return what it printed."""
    command = [str(Path(sys.executable).with_name("eyespot")), *map(str, arguments)]
    settings: dict[str, object] = {"capture_output": True, "text": True, "timeout": 300, "check": False} | options
    return subprocess.run(command, **settings)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="session")
def eyespot() -> Run:
    """The installed `eyespot` command, as a function that returns the completed process."""
    return run_eyespot


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def make_once(folder: Path, name: str, *command: str | Path) -> Path:
    """Run `eyespot command` in the first of the processes that need its output; the others wait.

    The output is `name`, alone in a new folder.
    """
    made = folder / f"only-{name}" / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.parent.exists():
            made.parent.mkdir()
            done = run_eyespot(*command, "--output", made)
            assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="session")
def lenet_run(shared: Path) -> Path:
    """The run folder of `eyespot train lenet --dataset digits` with all defaults."""
    return make_once(shared, "lenet-digits", "train", "lenet", "--dataset", "digits")


@pytest.fixture(scope="session")
def lenet_model(lenet_run: Path, shared: Path) -> Path:
    """The artifact that `eyespot export` made of `lenet_run`."""
    return make_once(shared, "lenet-digits.onnx", "export", lenet_run)


TINY_LABELS = ("dark", "middle", "bright")
# Logits that rise with brightness: of the mean level from 0 to 1, dark wins below 1/3 and bright above 2/3.
TINY_SLOPE = np.array([-12.0, 0.0, 12.0], np.float32)
TINY_OFFSET = np.array([4.0, 0.0, -8.0], np.float32)


def tiny_probabilities(level: float) -> np.ndarray:
    """The answer of the tiny model for a picture of one grey `level`, 0 to 255, computed with NumPy."""
    logits = TINY_SLOPE.astype(np.float64) * level / 255 + TINY_OFFSET
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


@pytest.fixture(scope="session")
def tiny_content() -> bytes:
    """The bytes of a whole artifact that calls a picture dark, middle or bright by its mean level."""
    nodes = [
        helper.make_node("ReduceMean", [NETWORK_INPUT_NAME, "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Mul", ["column", "slope"], ["risen"]),
        helper.make_node("Add", ["risen", "offset"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT_NAME], axis=1),
    ]
    constants = {"axes": np.array([1, 2, 3]), "last": np.array([1]), "slope": TINY_SLOPE, "offset": TINY_OFFSET}
    network = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, ["N", 4, 4, 1])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    steps = (Resize(4, 4, "antialias"), Grey(), Scale(1 / 255))
    model = merge(build_preprocessing(steps), make_model(network))
    samples = [View(f"grey {level}", np.full((6, 5, 3), level, np.uint8)) for level in (10, 128, 240)]
    answers = [tiny_probabilities(float(sample.pixels[0, 0, 0])).astype(np.float32) for sample in samples]
    known = [Comparison(v.name, v, answer, 0.0, True) for v, answer in zip(samples, answers, strict=True)]
    spec = ModelSpec(SPEC_FORMAT, "tiny", None, TINY_LABELS, steps, None, None, None, None, make_self_test(known))
    return stamp(model, spec)[0]


@pytest.fixture
def tiny_model(tiny_content: bytes, tmp_path: Path) -> Path:
    """A new file for each test that holds the tiny artifact."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_content)
    return path


def broken_self_test() -> SelfTest:
    """A self-test that the tiny model cannot pass: it claims that a dark picture is surely bright."""
    dark = encode_png(np.zeros((4, 4, 3), np.uint8))
    return SelfTest(1e-4, (SelfTestSample("dark", dark, (0.0, 0.0, 1.0)),))


# A terminal of a known width, whatever the machine that runs the tests has.
os.environ["COLUMNS"] = "100"

# Prepared arrays go to a cache of their own, so that no test finds what another run of the tests left.
os.environ["EYESPOT_CACHE"] = tempfile.mkdtemp(prefix="eyespot-cache-")
atexit.register(shutil.rmtree, os.environ["EYESPOT_CACHE"], ignore_errors=True)
