"""The Open Inference Protocol as Triton's own client speaks it, over a real socket: JSON, binary, batches, errors."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from edge.classifier import Classifier
from edge.image import decode_image
from edge.model import read_spec
from edge.spec import Glyphs
from tests.conftest import TINY_LABELS, tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.serving.conftest import application, encode_png, listening

# Softmax in float32 against float64, and batches against single pictures: a few units of the last place.
CLOSE = {"rtol": 0, "atol": 1e-6}


@pytest.fixture(scope="module")
def model(tiny_content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("triton") / "tiny.onnx"
    path.write_bytes(tiny_content)
    return path


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    with application(model) as app, listening(app) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    made = triton.InferenceServerClient(address)
    yield made
    made.close()


def pixels(count: int, height: int = 7, width: int = 9) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), np.uint8)


def image(data: np.ndarray, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput("image", list(data.shape), "UINT8" if data.dtype == np.uint8 else "BYTES")
    tensor.set_data_from_numpy(data, binary_data=binary)
    return tensor


def probabilities(binary: bool = True, classes: int = 0) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=classes)]


def test_health_and_metadata(client: triton.InferenceServerClient, model: Path) -> None:
    version = read_spec(model).version
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert client.is_model_ready("tiny", version)
    assert not client.is_model_ready("nobody")
    assert not client.is_model_ready("tiny", "1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("tiny", version)
    assert metadata["versions"] == [version]
    assert metadata["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    assert metadata["outputs"] == [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}]


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("binary_in", [True, False], ids=["bytes in", "JSON in"])
@pytest.mark.parametrize("binary_out", [True, False], ids=["bytes out", "JSON out"])
def test_pixels_are_answered_as_by_the_edge(
    client: triton.InferenceServerClient, model: Path, count: int, binary_in: bool, binary_out: bool
) -> None:
    data = pixels(count)
    answer = client.infer("tiny", [image(data, binary_in)], outputs=probabilities(binary_out), request_id="me")
    found = answer.as_numpy("probabilities")
    assert (found.shape, found.dtype) == ((count, 3), np.float32)
    np.testing.assert_allclose(found, Classifier.load(model).probabilities(data), **CLOSE)
    assert answer.get_response()["id"] == "me"
    assert answer.get_response()["model_version"] == read_spec(model).version


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "JSON and base64"])
def test_encoded_images_of_any_sizes_are_answered_as_by_the_edge(
    client: triton.InferenceServerClient, model: Path, binary: bool
) -> None:
    encoded = [encode_png(0), encode_png(255, 40, 30), bytes(cv2.imencode(".jpg", pixels(1, 50, 60)[0])[1])]
    data = np.array([e if binary else base64.b64encode(e) for e in encoded], np.object_)
    found = client.infer("tiny", [image(data, binary)], outputs=probabilities(binary)).as_numpy("probabilities")
    classifier = Classifier.load(model)
    expected = [classifier.probabilities(decode_image(e).pixels[None])[0] for e in encoded]
    np.testing.assert_allclose(found, expected, **CLOSE)
    np.testing.assert_allclose(found[:2], [tiny_probabilities(0), tiny_probabilities(255)], **CLOSE)


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "JSON"])
def test_the_best_classes_may_be_asked_for_as_texts(client: triton.InferenceServerClient, binary: bool) -> None:
    data = np.full((2, 4, 4, 3), [[[[250]]], [[[5]]]], np.uint8)
    found = client.infer("tiny", [image(data)], outputs=probabilities(binary, classes=2)).as_numpy("probabilities")
    texts = [[t.decode() if isinstance(t, bytes) else t for t in row] for row in found]
    for row, level in zip(texts, (250, 5), strict=True):
        order = np.argsort(-tiny_probabilities(level))[:2]
        assert row == [f"{tiny_probabilities(level)[i]:f}:{i}:{TINY_LABELS[i]}" for i in order]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_compressed_request_is_taken(client: triton.InferenceServerClient, model: Path, algorithm: str) -> None:
    data = pixels(2)
    found = client.infer("tiny", [image(data)], request_compression_algorithm=algorithm).as_numpy("probabilities")
    np.testing.assert_allclose(found, Classifier.load(model).probabilities(data), **CLOSE)


def test_many_at_once_get_their_own_answers(client: triton.InferenceServerClient, address: str) -> None:
    with triton.InferenceServerClient(address, concurrency=8) as together:
        levels = list(range(0, 256, 4))
        asked = [together.async_infer("tiny", [image(np.full((1, 5, 5, 3), v, np.uint8))]) for v in levels]
        found = [request.get_result().as_numpy("probabilities")[0] for request in asked]
    np.testing.assert_allclose(found, [tiny_probabilities(level) for level in levels], **CLOSE)


ERRORS = {
    "unknown model": ("nobody", np.zeros((1, 4, 4, 3), np.uint8), "404", "there is no model 'nobody'"),
    "no picture": ("tiny", np.zeros((0, 4, 4, 3), np.uint8), "400", "holds no picture"),
    "two channels": ("tiny", np.zeros((1, 4, 4, 2), np.uint8), "400", r"must have the shape \[N, H, W, 3\]"),
    "three dimensions": ("tiny", np.zeros((4, 4, 3), np.uint8), "400", r"must have the shape \[N, H, W, 3\]"),
    "too many": ("tiny", np.zeros((33, 1, 1, 3), np.uint8), "413", "may hold 32 pictures"),
    "too large": ("tiny", np.zeros((1, 101, 100, 3), np.uint8), "413", "may have 10,000 pixels"),
    "no image": ("tiny", np.array([encode_png(1), b"words"], np.object_), "415", r"image\[1\]: .*not an image"),
    "cut short": ("tiny", np.array([encode_png(1)[:40]], np.object_), "422", r"image\[0\]: "),
    "body": ("tiny", np.zeros((30, 40, 40, 3), np.uint8), "413", "may have 100,000 bytes"),
}


@pytest.mark.parametrize(("name", "data", "status", "said"), ERRORS.values(), ids=ERRORS)
def test_errors_are_those_of_the_protocol(
    client: triton.InferenceServerClient, name: str, data: np.ndarray, status: str, said: str
) -> None:
    with pytest.raises(InferenceServerException, match=said) as caught:
        client.infer(name, [image(data)])
    assert caught.value.status() == status
    np.testing.assert_allclose(
        client.infer("tiny", [image(np.full((1, 2, 2, 3), 9, np.uint8))]).as_numpy("probabilities")[0],
        tiny_probabilities(9),
        **CLOSE,
    )


def test_another_input_output_or_type_is_refused(client: triton.InferenceServerClient) -> None:
    floats = triton.InferInput("image", [1, 2, 2, 3], "FP32")
    floats.set_data_from_numpy(np.zeros((1, 2, 2, 3), np.float32))
    other = triton.InferInput("picture", [1, 2, 2, 3], "UINT8")
    other.set_data_from_numpy(np.zeros((1, 2, 2, 3), np.uint8))
    good = image(np.zeros((1, 2, 2, 3), np.uint8))
    for inputs, outputs, said in (
        ([floats], None, r"\.datatype"),
        ([other], None, r"inputs\[0\]\.name"),
        ([good, good], None, r"inputs"),
        ([good], [triton.InferRequestedOutput("logits")], r"outputs\[0\]\.name"),
    ):
        with pytest.raises(InferenceServerException, match=said) as caught:
            client.infer("tiny", inputs, outputs=outputs)
        assert caught.value.status() == "400"


def test_repository_configuration_and_statistics_are_as_the_client_asks(
    client: triton.InferenceServerClient, model: Path
) -> None:
    version = read_spec(model).version
    assert client.get_model_repository_index() == [{"name": "tiny", "version": version, "state": "READY", "reason": ""}]
    config = client.get_model_config("tiny", version)
    assert config["input"] == [{"name": "image", "data_type": "TYPE_UINT8", "dims": [-1, -1, 3]}]
    assert config["output"] == [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": [3]}]

    def statistics(**arguments: str) -> dict[str, Any]:
        (found,) = client.get_inference_statistics(**arguments)["model_stats"]
        return dict(found)

    before = statistics()
    client.infer("tiny", [image(pixels(5))])
    after = statistics(model_name="tiny", model_version=version)
    assert after["inference_count"] - before["inference_count"] == 5
    assert 1 <= after["execution_count"] - before["execution_count"] <= 5
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]


def test_shared_memory_is_refused_aloud(client: triton.InferenceServerClient) -> None:
    tensor = triton.InferInput("image", [1, 2, 2, 3], "UINT8")
    tensor.set_shared_memory("region", 12)
    with pytest.raises(InferenceServerException, match="shared_memory_region is not supported") as caught:
        client.infer("tiny", [tensor])
    assert caught.value.status() == "400"


def test_a_model_of_regions_is_no_tensor_model(tiny_content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "glyphs.onnx", restamped(tiny_content, regions=Glyphs(4)))
    with application(path) as app, listening(app) as address, triton.InferenceServerClient(address) as client:
        assert client.get_model_repository_index() == []
        assert not client.is_model_ready("tiny")
        for ask in (client.get_model_metadata, client.get_model_config):
            with pytest.raises(InferenceServerException, match="POST to /v1/models/tiny/classify"):
                ask("tiny")
