"""The JSON of requests and answers, as JSON Schema for the OpenAPI document."""

from typing import Any, get_args

from serving.drift_window import Verdict

TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}


def _object(optional: dict[str, Any] | None = None, **required: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


YES_OR_NO = {"type": "boolean"}
UNSURE = {"type": "boolean", "description": "the best probability is below the model's own threshold"}
NOTE = {"type": "string", "description": "present where the picture was not all that the file held"}
SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
VERDICTS = list(get_args(Verdict))
PROBLEM = _object(code=TEXT, message=TEXT)
SUMMARY: dict[str, Any] = {"name": TEXT, "version": TEXT, "provider": TEXT, "labels": COUNT}
VARIANT = _object(file=TEXT, kind={"enum": ["float32", "int8", "fp16"]}, version=TEXT, served=YES_OR_NO, runs=YES_OR_NO)
TENSOR: dict[str, Any] = {"name": TEXT, "datatype": TEXT, "shape": _list({"type": "integer"})}
REQUESTED_SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 4}

SCHEMAS: dict[str, Any] = {
    "Prediction": _object(label=TEXT, probability=SHARE),
    "Region": _object(
        box=_object(x=COUNT, y=COUNT, width=COUNT, height=COUNT), predictions=_list(_ref("Prediction")), unsure=UNSURE
    ),
    "Classification": _object(
        {"note": NOTE, "regions": _list(_ref("Region")), "text": {"type": ["string", "null"]}},
        model=TEXT,
        version=TEXT,
        predictions=_list(_ref("Prediction")),
        unsure=UNSURE,
    ),
    "Result": {
        "anyOf": [
            _object(
                {"note": NOTE}, file={"type": ["string", "null"]}, predictions=_list(_ref("Prediction")), unsure=UNSURE
            ),
            _object(file={"type": ["string", "null"]}, error=PROBLEM),
        ]
    },
    "Classifications": _object(model=TEXT, version=TEXT, results=_list(_ref("Result"))),
    "Answer": {"anyOf": [_ref("Classification"), _ref("Classifications")]},
    "Models": _object(models=_list(_object(**SUMMARY, default={"type": "boolean"}))),
    "Model": _object(**SUMMARY, versions=_list(TEXT), variants=_list(VARIANT), spec={"type": "object"}),
    "Drift": _object(
        {
            "window": COUNT,
            "least_pictures": COUNT,
            "method": TEXT,
            "thresholds": _object(shifted=SHARE, drifted=SHARE),
        },
        model=TEXT,
        version=TEXT,
        verdict={"enum": [*VERDICTS, "no_fingerprint"]},
        pictures=COUNT,
        features={
            "type": "object",
            "additionalProperties": _object(
                distance=SHARE,
                by_chance={"type": "number", "minimum": 0},
                beyond_chance=SHARE,
                verdict={"enum": VERDICTS},
            ),
        },
    ),
    "Status": _object(status=TEXT),
    "Ready": _object(status=TEXT, models=_list(_object(name=TEXT, version=TEXT, provider=TEXT))),
    "Document": {"type": "object"},
    "Error": _object(error=PROBLEM),
    "OipServer": _object(name=TEXT, version=TEXT, extensions=_list(TEXT)),
    "OipLive": _object(live={"type": "boolean"}),
    "OipReady": _object(ready={"type": "boolean"}),
    "OipModelReady": _object(name=TEXT, ready={"type": "boolean"}),
    "OipModel": _object(
        name=TEXT,
        versions=_list(TEXT),
        platform=TEXT,
        inputs=_list(_object(**TENSOR)),
        outputs=_list(_object(**TENSOR)),
        parameters=_object(labels=_list(TEXT)),
    ),
    "OipRequest": _object(
        {"id": TEXT, "parameters": {"type": "object"}, "outputs": {"type": "array", "maxItems": 1}},
        inputs={
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": _object(
                {"parameters": {"type": "object"}},
                data={"type": "array", "description": "0 to 255 for UINT8, texts in base64 for BYTES"},
                name={"const": "image"},
                datatype={"enum": ["UINT8", "BYTES"]},
                shape=REQUESTED_SHAPE,
            ),
        },
    ),
    "OipAnswer": _object(
        {"id": TEXT}, model_name=TEXT, model_version=TEXT, outputs=_list(_object({"data": {"type": "array"}}, **TENSOR))
    ),
    "OipError": _object(error=TEXT),
}
