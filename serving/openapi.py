"""The description of the HTTP interface (OpenAPI 3.1)."""

from importlib.metadata import version
from typing import Any

from serving.openapi_schemas import SCHEMAS

PROBLEMS = {
    "400": "no image, a malformed form, a damaged compression or a wrong parameter",
    "401": "an API key is needed, and none or a wrong one was sent",
    "404": "there is no such model",
    "413": "a body of too many bytes, too many pictures, or a picture whose header claims too many pixels",
    "415": "not an image, one of a kind that is not decoded, or a compression that is not known",
    "422": "an image that is cut short or damaged",
    "500": "the model could not be run on this picture",
    "503": "too many pictures are waiting; Retry-After says when to try again",
    "504": "it took longer than a request may",
}
BINARY = {"type": "string", "format": "binary"}
FORM = {
    "type": "object",
    "description": "One file, or several under the name `files` for a list of answers.",
    "properties": {"file": BINARY, "files": {"type": "array", "items": BINARY, "minItems": 1}},
    "anyOf": [{"required": ["file"]}, {"required": ["files"]}],
}
DRIFT = "How far the last pictures, of the worker that answers, are from those that the model was trained on"
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
TOP_K = {
    "name": "top_k",
    "in": "query",
    "description": "how many predictions, from the most to the least likely",
    "schema": {"type": "integer", "minimum": 1, "default": 5},
}
MIN_PROBABILITY = {
    "name": "min_probability",
    "in": "query",
    "description": "predictions below it are left out",
    "schema": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
}


def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "eyespot", "version": version("eyespot"), "description": "Image classification over HTTP."},
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        # The empty one: a service without API keys asks for none.
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {"/v1/classify": {"post": _classify("classify")}}
    paths["/v1/models"] = {"get": _get("Which models are served", "Models", "listModels")}
    models = {"/v1/models/{name}": [NAME], "/v1/models/{name}/versions/{version}": [NAME, VERSION]}
    for path, parameters in models.items():
        suffix = "Version" if VERSION in parameters else ""
        show = _get("A model, its spec and what runs it", "Model", f"showModel{suffix}", ("404",))
        paths[path] = {"parameters": parameters, "get": show}
        drift = _get(DRIFT, "Drift", f"showDrift{suffix}", ("404",))
        paths[f"{path}/drift"] = {"parameters": parameters, "get": drift}
        paths[f"{path}/classify"] = {"parameters": parameters, "post": _classify(f"classifyWith{suffix or 'Model'}")}
    paths["/v2"] = {"get": _get("What the server is (Open Inference Protocol)", "OipServer", "oipServer")}
    paths["/v2/health/live"] = {"get": _open(_get("Whether the process lives", "OipLive", "oipLive"))}
    paths["/v2/health/ready"] = {"get": _open(_get("Whether all models are ready", "OipReady", "oipReady"))}
    models = {"/v2/models/{name}": [NAME], "/v2/models/{name}/versions/{version}": [NAME, VERSION]}
    for path, parameters in models.items():
        suffix = "Version" if VERSION in parameters else ""
        paths[path] = {"parameters": parameters, "get": _oip("A model's tensors", "OipModel", f"oipModel{suffix}")}
        ready = _oip("Whether a model is ready", "OipModelReady", f"oipModelReady{suffix}")
        paths[f"{path}/ready"] = {"parameters": parameters, "get": ready}
        paths[f"{path}/infer"] = {"parameters": parameters, "post": _infer(f"oipInfer{suffix}")}
    return paths | _operations()


def _operations() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, summary in {"/livez": "Whether the process lives", "/healthz": "The same"}.items():
        paths[path] = {"get": _open(_get(summary, "Status", path[1:]))}
    paths["/readyz"] = {"get": _open(_get("Whether the models are verified and warm", "Ready", "readyz"))}
    paths["/metrics"] = {"get": _text("Metrics in Prometheus's text format", "text/plain", "metrics")}
    paths["/playground"] = {"get": _text("A page to try it", "text/html", "playground")}
    paths["/"] = {"get": _text("This description as a page", "text/html", "docs")}
    paths["/docs.json"] = {"get": _get("This description", "Document", "describe")}
    return paths


def _classify(identifier: str) -> dict[str, Any]:
    content = {kind: {"schema": BINARY} for kind in ("image/*", "application/octet-stream")}
    return {
        "summary": "Say what is on one image, or on each of several",
        "operationId": identifier,
        "parameters": [TOP_K, MIN_PROBABILITY],
        "requestBody": {
            "required": True,
            "description": "The bytes of an image file: JPEG, PNG, WebP, GIF, BMP, TIFF or PNM; or a form.",
            "content": {**content, "multipart/form-data": {"schema": FORM}},
        },
        "responses": {"200": _json("the predictions", "Answer"), **_problems(PROBLEMS, "Error")},
    }


def _infer(identifier: str) -> dict[str, Any]:
    length = {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "description": "the bytes of JSON, where those of tensors follow them",
        "schema": {"type": "integer", "minimum": 0},
    }
    answer = _json("the probabilities; bytes follow the JSON where binary output was asked for", "OipAnswer")
    answer["content"]["application/octet-stream"] = {"schema": BINARY}
    return {
        "summary": "Classify a batch (Open Inference Protocol)",
        "operationId": identifier,
        "parameters": [length],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/OipRequest"}},
                "application/octet-stream": {"schema": BINARY},
            },
        },
        "responses": {"200": answer, **_problems(PROBLEMS, "OipError")},
    }


def _get(summary: str, schema: str, identifier: str, problems: tuple[str, ...] = ()) -> dict[str, Any]:
    wrong = {status: PROBLEMS[status] for status in ("401", *problems)}
    return {
        "summary": summary,
        "operationId": identifier,
        "responses": {"200": _json("the answer", schema), **_problems(wrong, "Error")},
    }


def _oip(summary: str, schema: str, identifier: str) -> dict[str, Any]:
    operation = _get(summary, schema, identifier)
    operation["responses"] |= _problems({status: PROBLEMS[status] for status in ("401", "404")}, "OipError")
    return operation


def _open(operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation that needs no API key."""
    responses = {status: answer for status, answer in operation["responses"].items() if status != "401"}
    return operation | {"responses": responses, "security": []}


def _text(summary: str, media_type: str, identifier: str) -> dict[str, Any]:
    answer = {"description": "the text", "content": {media_type: {"schema": {"type": "string"}}}}
    wrong = _problems({"401": PROBLEMS["401"]}, "Error")
    return {"summary": summary, "operationId": identifier, "responses": {"200": answer, **wrong}}


def _problems(texts: dict[str, str], schema: str) -> dict[str, Any]:
    return {status: _json(text, schema) for status, text in texts.items()}


def _json(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}
