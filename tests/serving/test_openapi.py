"""The description of the interface: valid OpenAPI, of all routes and no others, and true of the answers."""

import re
from importlib.metadata import version

import jsonschema
import openapi_spec_validator
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from serving.openapi import describe_api
from tests.serving.conftest import Ask, encode_png


def schema_of(path: str, method: str, status: int) -> dict[str, object]:
    """The schema that the document promises for the JSON of an answer."""
    document = describe_api()
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    return {**content["application/json"]["schema"], "components": document["components"]}


def test_document_is_valid_openapi() -> None:
    document = describe_api()
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == version("eyespot")


def test_document_is_what_the_route_serves(ask: Ask) -> None:
    assert ask("GET", "/docs.json").json() == describe_api()


def test_every_route_is_described_and_nothing_else(app: Starlette) -> None:
    routes = {(r.path, m) for r in app.routes if isinstance(r, Route) for m in (r.methods or set()) - {"HEAD"}}
    paths = describe_api()["paths"].items()
    described = {(path, method.upper()) for path, item in paths for method in item if method != "parameters"}
    assert described == routes


@pytest.mark.parametrize("path", [p for p, item in describe_api()["paths"].items() if "get" in item])
@pytest.mark.parametrize("name", ["tiny", "nobody"])
def test_answers_to_get_are_as_described(ask: Ask, path: str, name: str) -> None:
    known = ask("GET", "/v1/models").json()["models"][0]["version"]
    answer = ask("GET", path.format(name=name, version=known))
    assert answer.status_code == (404 if name == "nobody" and "{" in path else 200)
    described = describe_api()["paths"][path]["get"]["responses"][str(answer.status_code)]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    assert list(described) == [kind]
    if kind == "application/json":
        jsonschema.validate(answer.json(), schema_of(path, "get", answer.status_code))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": encode_png(200)}, 200),
        ({"files": [("files", encode_png(200)), ("files", b"words")]}, 200),
        ({"content": b""}, 400),
        ({"content": encode_png(200), "params": {"top_k": "x"}}, 400),
        ({"content": encode_png(200), "params": {"min_probability": "2"}}, 400),
        ({"content": encode_png(1, 200, 200)}, 413),
        ({"content": b"x" * 200_000}, 413),
        ({"content": b"words"}, 415),
        ({"content": encode_png(200)[:30]}, 422),
    ],
)
def test_answers_to_pictures_are_as_described(ask: Ask, request_: dict[str, object], status: int) -> None:
    answer = ask("POST", "/v1/classify", **request_)
    assert answer.status_code == status
    jsonschema.validate(answer.json(), schema_of("/v1/classify", "post", status))


@pytest.mark.parametrize("schema", ["form", "shape"])
def test_what_is_always_refused_is_not_described_as_good(ask: Ask, schema: str) -> None:
    """Both were found by schemathesis."""
    document = describe_api()
    if schema == "form":
        described = document["paths"]["/v1/classify"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
        request = {"files": {"other": (None, b"1")}}
        answer, value = ask("POST", "/v1/classify", **request), {"other": "1"}
    else:
        described = {"$ref": "#/components/schemas/OipRequest", "components": document["components"]}
        value = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [0], "data": []}]}
        answer = ask("POST", "/v2/models/tiny/infer", json=value)
    assert answer.status_code == 400
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, described)


def test_a_description_would_notice_another_answer() -> None:
    wrong = {"model": "x", "version": "y", "predictions": [{"label": "a"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema_of("/v1/classify", "post", 200))


def test_documents_of_errors_name_every_status_that_problems_have() -> None:
    described = set(describe_api()["paths"]["/v1/classify"]["post"]["responses"])
    assert described >= {"200", "400", "401", "404", "413", "415", "422", "500", "503", "504"}
    assert all(re.fullmatch(r"\d{3}", status) for status in described)
