"""Every way in which an image can fail has its HTTP status, found by reading the decoder's own source."""

import ast
import json
from pathlib import Path

import pytest

import edge.formats
import edge.image
from serving.errors import IMAGE_STATUS, problem

# RFC 9110, section 15.5: 400 bad request, 413 content too large, 415 unsupported media type, 422 unprocessable.
EXPECTED = {
    "empty": 400,
    "not_an_image": 415,
    "unsupported_format": 415,
    "corrupt": 422,
    "too_many_pixels": 413,
    "too_many_bytes": 413,
}

# Only read_image, which opens a file by name, can raise these.
OF_FILES = {"not_found", "unreadable"}


def raised_codes(module: object) -> set[str]:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "ImageError"]
    return {str(ast.literal_eval(call.args[0])) for call in made}


def test_every_code_of_the_decoder_has_a_status_and_no_other() -> None:
    codes = raised_codes(edge.image) | raised_codes(edge.formats)
    assert codes >= OF_FILES
    assert codes - OF_FILES == set(IMAGE_STATUS)
    assert IMAGE_STATUS == EXPECTED


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/v1/classify", {"error": {"code": "x", "message": "why"}}),
        ("/v2/models/m/infer", {"error": "why"}),
        ("/v2", {"error": "why"}),
        ("/v22", {"error": {"code": "x", "message": "why"}}),
    ],
)
def test_each_interface_has_its_own_form_of_errors(path: str, form: object) -> None:
    scope = {"type": "http", "path": path, "eyespot": {}}
    answer = problem(scope, 503, "x", "why", {"Retry-After": "1"})
    assert json.loads(bytes(answer.body)) == form
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert scope["eyespot"] == {"code": "x"}  # the log and the metrics say it too
