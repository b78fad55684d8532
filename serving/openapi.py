"""The description of the HTTP interface (OpenAPI 3.1), and the page that shows it.

The page uses the Swagger UI that BentoML ships. BentoML's own index page would load a tracker from outside.
"""

from importlib.metadata import version
from typing import Any

PREDICTION = {
    "type": "object",
    "required": ["label", "probability"],
    "properties": {
        "label": {"type": "string"},
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
    },
}
PREDICTIONS = {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}
PIXELS = {"type": "integer", "minimum": 0}
REGION = {
    "type": "object",
    "required": ["box", "predictions", "unsure"],
    "properties": {
        "box": {
            "type": "object",
            "description": "in pixels of the upright picture, from its upper left corner",
            "required": ["x", "y", "width", "height"],
            "properties": {"x": PIXELS, "y": PIXELS, "width": PIXELS, "height": PIXELS},
        },
        "predictions": PREDICTIONS,
        "unsure": {"type": "boolean"},
    },
}
CLASSIFICATION = {
    "type": "object",
    "required": ["model", "version", "predictions", "unsure"],
    "properties": {
        "model": {"type": "string"},
        "version": {"type": "string"},
        "predictions": PREDICTIONS,
        "unsure": {"type": "boolean", "description": "the best probability is below the model's own threshold"},
        "note": {
            "type": "string",
            "description": "present where the picture was not all that the file held, or its regions not as expected",
        },
        "regions": {
            "type": "array",
            "description": "from left to right; only a model of faces or glyphs has it, and then no predictions",
            "items": {"$ref": "#/components/schemas/Region"},
        },
        "text": {
            "type": ["string", "null"],
            "description": "what the glyphs read; null where their number is not that of the model",
        },
    },
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}
PROBLEMS = {
    "400": "no image, a malformed form or a wrong parameter",
    "413": "a body of too many bytes, or a picture whose header claims too many pixels",
    "415": "not an image, or an image of a kind that is not decoded",
    "422": "an image that is cut short or damaged",
}
BINARY = {"type": "string", "format": "binary"}
FORM = {"type": "object", "required": ["file"], "properties": {"file": BINARY}}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>eyespot</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="./static_content/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="./static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "./docs.json", dom_id: "#swagger-ui"});</script>
</body>
</html>
"""


def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "eyespot", "version": version("eyespot"), "description": "Image classification over HTTP."},
        "paths": {
            "/v1/classify": {"post": _classify_operation()},
            "/livez": {"get": _text_operation("Whether the process lives", "it does")},
            "/readyz": {"get": _text_operation("Whether the model is loaded, verified and warm", "it is")},
            "/metrics": {"get": _text_operation("Metrics in Prometheus's text format", "the metrics")},
        },
        "components": {
            "schemas": {
                "Prediction": PREDICTION,
                "Region": REGION,
                "Classification": CLASSIFICATION,
                "Error": ERROR,
            }
        },
    }


def _classify_operation() -> dict[str, Any]:
    return {
        "summary": "Say what is on one image",
        "operationId": "classify",
        "parameters": [
            {
                "name": "top_k",
                "in": "query",
                "description": "how many predictions, from the most to the least likely",
                "schema": {"type": "integer", "minimum": 1, "default": 5},
            }
        ],
        "requestBody": {
            "required": True,
            "description": "The bytes of an image file: JPEG, PNG, WebP, GIF, BMP, TIFF or PNM.",
            "content": {
                "image/*": {"schema": BINARY},
                "application/octet-stream": {"schema": BINARY},
                "multipart/form-data": {"schema": FORM},
            },
        },
        "responses": {
            "200": _json_response("the predictions", "Classification"),
            **{status: _json_response(text, "Error") for status, text in PROBLEMS.items()},
        },
    }


def _json_response(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _text_operation(summary: str, description: str) -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {"summary": summary, "responses": {"200": {"description": description, "content": content}}}
