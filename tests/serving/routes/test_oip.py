"""The Open Inference Protocol by hand: what no client would send is refused with 400 in the protocol's own form."""

import base64
import json
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette

from serving.routes.oip import parse_request
from tests.conftest import tiny_probabilities
from tests.serving.conftest import Ask, encode_png, metric

LENGTH = "Inference-Header-Content-Length"
GOOD: dict[str, Any] = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 3], "data": [[[[9, 9, 9], [9, 9, 9]]]]}


def infer(ask: Ask, message: Any, **request: Any) -> Any:
    return ask("POST", "/v2/models/tiny/infer", content=json.dumps(message), **request)


def with_bytes(ask: Ask, tensor: dict[str, Any], tail: bytes, **message: Any) -> Any:
    head = json.dumps({"inputs": [tensor], **message}).encode()
    return ask("POST", "/v2/models/tiny/infer", content=head + tail, headers={LENGTH: str(len(head))})


@pytest.mark.parametrize("data", [GOOD["data"], [9] * 6, [[9, 9, 9], [9, 9, 9]]], ids=["nested", "flat", "between"])
def test_data_may_be_nested_or_flat(ask: Ask, data: list[Any]) -> None:
    answer = infer(ask, {"inputs": [GOOD | {"data": data}]})
    (output,) = answer.json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("probabilities", "FP32", [1, 3])
    np.testing.assert_allclose(output["data"], tiny_probabilities(9), rtol=0, atol=1e-6)


def test_bytes_may_be_asked_for_all_outputs(ask: Ask) -> None:
    answer = infer(ask, {"inputs": [GOOD], "parameters": {"binary_data_output": True}})
    split = int(answer.headers[LENGTH])
    (output,) = json.loads(answer.content[:split])["outputs"]
    assert output["parameters"] == {"binary_data_size": 12}
    found = struct.unpack("<3f", answer.content[split:])
    np.testing.assert_allclose(found, tiny_probabilities(9), rtol=0, atol=1e-6)


NOT_REQUESTS = {
    **{name: {"inputs": value} for name, value in {"none": None, "number": 1, "empty": [], "text": ["x"]}.items()},
    "a list": [],
    "a number": 7,
    "id": {"id": 1, "inputs": [GOOD]},
    "no name": {"inputs": [{"datatype": "UINT8"}]},
    "two tensors": {"inputs": [GOOD, GOOD]},
    "parameters": {"inputs": [GOOD], "parameters": []},
    "output bytes": {"inputs": [GOOD], "parameters": {"binary_data_output": "yes"}},
    "outputs": {"inputs": [GOOD], "outputs": {}},
    "two outputs": {"inputs": [GOOD], "outputs": [{"name": "probabilities"}] * 2},
    "output": {"inputs": [GOOD], "outputs": [7]},
    "output name": {"inputs": [GOOD], "outputs": [{"name": "x"}]},
    "output parameters": {"inputs": [GOOD], "outputs": [{"name": "probabilities", "parameters": 3}]},
    "classes": {"inputs": [GOOD], "outputs": [{"name": "probabilities", "parameters": {"classification": -1}}]},
}
NOT_TENSORS: dict[str, dict[str, Any]] = {
    **{f"shape {s}": {"shape": s} for s in (None, 7, [], [1, -1, 2, 3], [1, 1.0, 2, 3], [True, 1, 2, 3], [1] * 9)},
    **{f"type {t}": {"datatype": t} for t in (None, 7, "INT8", "uint8", "")},
    **{f"data {d!r:.20}": {"data": d} for d in (None, "x", {}, [], [1], ["a"] * 6, [256] * 6, [-1] * 6, [0.5] * 6)},
    **{f"data {d!r:.20}": {"data": d} for d in ([True] * 6, [None] * 6, [[1, 2], [3]], [10**40] * 6, [{}] * 6)},
    "too large for its data": {"shape": [10**6, 10**6, 10**6, 3]},
    "base64": {"datatype": "BYTES", "shape": [1], "data": ["%%%"]},
    "no text": {"datatype": "BYTES", "shape": [1], "data": [7]},
    "not its number": {"datatype": "BYTES", "shape": [2], "data": ["QQ=="]},
    "BYTES [1, 2]": {"datatype": "BYTES", "shape": [1, 2], "data": ["QQ==", "QQ=="]},
}


@pytest.mark.parametrize("message", NOT_REQUESTS.values(), ids=NOT_REQUESTS)
def test_what_is_no_request_is_refused(ask: Ask, message: Any) -> None:
    answer = infer(ask, message)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("change", NOT_TENSORS.values(), ids=NOT_TENSORS)
def test_what_is_no_tensor_is_refused(ask: Ask, change: dict[str, Any]) -> None:
    answer = infer(ask, {"inputs": [GOOD | change]})
    assert answer.status_code == (413 if change == NOT_TENSORS["too large for its data"] else 400), answer.text
    assert isinstance(answer.json()["error"], str)


def test_a_long_text_among_the_numbers_takes_no_more_memory_than_it_has(ask: Ask) -> None:
    """As an array of texts they would all be as wide as the longest: 2,000 x 3,000 x 4 bytes."""
    change = {"shape": [1, 1, 667, 3], "data": [0] * 2000 + ["x" * 3000]}
    infer(ask, {"inputs": [GOOD]})
    tracemalloc.start()
    try:
        answer = infer(ask, {"inputs": [GOOD | change]})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 400, answer.text
    assert peak < 2_000_000


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 5000, b'{"id": NaN, "inputs": []}', b'"\\ud800"'])
def test_what_is_no_json_is_refused(ask: Ask, body: bytes) -> None:
    answer = ask("POST", "/v2/models/tiny/infer", content=body)
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "99999999", "9" * 5000, "1.5"])
def test_a_length_that_cannot_be_is_refused(ask: Ask, length: str) -> None:
    answer = ask("POST", "/v2/models/tiny/infer", content=b"{}", headers={LENGTH: length})
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


BYTES = {"name": "image", "datatype": "BYTES", "shape": [1]}
UINT8 = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 3]}


@pytest.mark.parametrize(
    ("tensor", "size", "tail"),
    [
        (UINT8, 6, b"12345"),
        (UINT8, 6, b"1234567"),
        (UINT8, 5, b"12345"),
        (UINT8, -1, b"123456"),
        (UINT8, "6", b"123456"),
        (UINT8, True, b"1"),
        (UINT8, 6.0, b"123456"),
        (BYTES, 3, b"\1\0\0"),
        (BYTES, 5, b"\2\0\0\0x"),
        (BYTES, 6, b"\xff\xff\xff\xffxx"),
        (BYTES, 10, b"\1\0\0\0x\1\0\0\0y"),
    ],
)
def test_bytes_that_are_not_what_they_are_said_to_be_are_refused(
    ask: Ask, tensor: dict[str, Any], size: Any, tail: bytes
) -> None:
    answer = with_bytes(ask, tensor | {"parameters": {"binary_data_size": size}}, tail)
    assert answer.status_code == 400, answer.text
    assert isinstance(answer.json()["error"], str)


def test_whole_bytes_are_taken(ask: Ask) -> None:
    answer = with_bytes(ask, UINT8 | {"parameters": {"binary_data_size": 6}}, bytes([200] * 6))
    np.testing.assert_allclose(answer.json()["outputs"][0]["data"], tiny_probabilities(200), rtol=0, atol=1e-6)


def test_json_has_a_limit_of_its_own_and_the_bytes_behind_it_have_not(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.routes.oip.MAX_JSON_BYTES", 200)
    numbers = GOOD | {"shape": [1, 1, 100, 3], "data": [9] * 300}
    answer = infer(ask, {"inputs": [numbers]})
    assert answer.status_code == 413
    assert "binary" in answer.json()["error"]
    tensor = UINT8 | {"shape": [1, 1, 100, 3], "parameters": {"binary_data_size": 300}}
    assert with_bytes(ask, tensor, bytes([9] * 300)).status_code == 200


def test_a_place_is_held_while_json_is_read(app: Starlette, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def watched(*arguments: Any) -> Any:
        taken.append(app.state.service.admission.pictures)
        return parse_request(*arguments)

    monkeypatch.setattr("serving.routes.oip.parse_request", watched)
    assert infer(ask, {"inputs": [GOOD]}).status_code == 200
    assert infer(ask, {}).status_code == 400
    assert taken == [1, 1]
    assert app.state.service.admission.pictures == 0


def test_each_picture_of_a_request_that_fails_is_counted(ask: Ask) -> None:
    data = [base64.b64encode(encoded).decode() for encoded in (encode_png(0), b"words", encode_png(250), b"words")]
    answer = infer(ask, {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [4], "data": data}]})
    assert answer.status_code == 415
    assert answer.json()["error"].startswith("image[1]: ")
    assert metric(ask, "eyespot_pictures_total", outcome="ok") == 2
    assert metric(ask, "eyespot_pictures_total", outcome="not_an_image") == 2
    assert metric(ask, "eyespot_best_label_total", label="bright") == 1
