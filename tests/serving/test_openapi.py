"""The description of the interface: valid OpenAPI with examples, of all routes, and true of the answers."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import openapi_spec_validator
import pytest

from tests.serving.conftest import Ask, application, encode_png, listening


@pytest.fixture
def document(ask: Ask) -> dict[str, Any]:
    found: dict[str, Any] = ask("GET", "/docs.json").json()
    return found


def schema_of(document: dict[str, Any], path: str, method: str, status: int) -> dict[str, object]:
    """The schema that the document promises for the JSON of an answer."""
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    return {**content["application/json"]["schema"], "components": document["components"]}


def test_document_is_valid_openapi_with_examples_for_a_generated_client(document: dict[str, Any]) -> None:
    openapi_spec_validator.validate(document)
    assert document["info"]["version"] == version("eyespot")
    assert document["servers"] == [{"url": "."}]  # so that "Try it" works under a sub-path
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    classification = document["components"]["schemas"]["Classification"]
    assert {"regions", "text"} <= classification["properties"].keys()
    jsonschema.validate(classification["examples"][0], classification | {"components": document["components"]})

    def arrays(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for one in node for found in arrays(one)]
        if not isinstance(node, dict):
            return []
        own = [node] if node.get("type") == "array" else []
        return own + [found for one in node.values() for found in arrays(one)]

    assert all("items" in array for array in arrays(document))


def test_answers_to_get_are_as_described(ask: Ask, document: dict[str, Any]) -> None:
    known = ask("GET", "/v1/models").json()["models"][0]["version"]
    paths = [path for path, item in document["paths"].items() if "get" in item]
    assert len(paths) > 15
    for path in paths:
        for name in ("tiny", "nobody"):
            answer = ask("GET", path.format(name=name, version=known))
            assert answer.status_code == (404 if name == "nobody" and "{" in path else 200), path
            if answer.headers["content-type"] == "application/json":
                jsonschema.validate(answer.json(), schema_of(document, path, "get", answer.status_code))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": encode_png(200)}, 200),
        ({"files": [("files", encode_png(200)), ("files", b"words")]}, 200),
        ({"content": b""}, 400),
        ({"content": encode_png(200), "params": {"top_k": "x"}}, 400),
        ({"content": b"x" * 200_000}, 413),
        ({"content": b"words"}, 415),
        ({"content": encode_png(200)[:30]}, 422),
    ],
)
def test_answers_to_pictures_are_as_described(
    ask: Ask, document: dict[str, Any], request_: dict[str, object], status: int
) -> None:
    answer = ask("POST", "/v1/classify", **request_)
    assert answer.status_code == status
    jsonschema.validate(answer.json(), schema_of(document, "/v1/classify", "post", status))
    described = set(document["paths"]["/v1/classify"]["post"]["responses"])
    assert described >= {"200", "400", "401", "404", "413", "415", "422", "500", "503", "504"}


def test_a_description_would_notice_another_answer(document: dict[str, Any]) -> None:
    wrong = {"model": "x", "version": "y", "predictions": [{"label": "a"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema_of(document, "/v1/classify", "post", 200))


CALL = """
import json, sys
from eyes import AuthenticatedClient
from eyes.api.classify import classify, classify_with_model
from eyes.api.models import list_models, show_model_version
from eyes.types import File
client = AuthenticatedClient(sys.argv[1], token=sys.argv[2])
picture = File(open(sys.argv[3], "rb"))
(model,) = list_models.sync(client=client).models
assert show_model_version.sync(model.name, model.version, client=client).name == "tiny"
print(classify.sync(client=client, body=picture, top_k=1).predictions[0].label)
picture.payload.seek(0)
print(classify_with_model.sync("nobody", client=client, body=picture).error.code)
"""


@pytest.mark.slow
def test_a_generated_client_imports_and_calls(tiny_model: Path, tmp_path: Path) -> None:
    key = "0123456789abcdef"
    (tmp_path / "a.png").write_bytes(encode_png(250))
    with application(tiny_model, api_keys=(key,)) as app, listening(app) as address:
        document = httpx.get(f"http://{address}/docs.json", headers={"X-API-Key": key}).content
        (tmp_path / "docs.json").write_bytes(document)
        command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "docs.json", "--meta", "none"]
        made = subprocess.run([*command, "--output-path", "eyes"], cwd=tmp_path, capture_output=True, text=True)
        assert made.returncode == 0, made.stdout
        assert "will not be generated" not in made.stdout
        command = [sys.executable, "-c", CALL, f"http://{address}", key, "a.png"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout.split() == ["bright", "unknown_model"], done.stderr
