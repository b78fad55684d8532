"""The JSON of answers, for the OpenAPI document. Routes send such JSON without making these objects."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.inference.drift import Verdict

Unsure = Field(description="the best probability is below `min_probability` or below the model's own threshold")
Note = Field("", description="present where the picture was not all that the file held")
EXAMPLE: dict[str, Any] = {
    "model": "animals",
    "version": "3f41a82c90d1e6b7",
    "predictions": [{"label": "cat", "probability": 0.93}, {"label": "dog", "probability": 0.06}],
    "unsure": False,
}


class Prediction(BaseModel):
    """One label and its probability."""

    label: str = Field(examples=["cat"])
    probability: float = Field(ge=0, le=1, examples=[0.93])


class Box(BaseModel):
    """A rectangle in pixels of the upright picture; (0, 0) is the upper left."""

    x: int = Field(ge=0, examples=[12])
    y: int = Field(ge=0, examples=[8])
    width: int = Field(ge=1, examples=[24])
    height: int = Field(ge=1, examples=[30])


class Region(BaseModel):
    """One face or glyph and the predictions for it."""

    box: Box
    predictions: list[Prediction]
    unsure: bool = Unsure


class Problem(BaseModel):
    """A stable code, and a message for people."""

    code: str = Field(examples=["not_an_image"])
    message: str = Field(examples=["the content is not an image of a known format"])


class Error(BaseModel):
    """What went wrong."""

    error: Problem


class Classification(BaseModel):
    """The answer for one picture; a model of regions has `regions`, and no predictions beside them."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    model: str
    version: str
    predictions: list[Prediction] = Field(description="from the most to the least likely")
    unsure: bool = Unsure
    note: str = Note
    regions: list[Region] | None = None
    text: str | None = Field(None, description="what glyphs read together")


class Result(BaseModel):
    """One file of several: its answer, or its error."""

    file: str | None = Field(examples=["1.jpg"])
    predictions: list[Prediction] | None = None
    unsure: bool | None = None
    note: str = Note
    regions: list[Region] | None = None
    text: str | None = None
    error: Problem | None = None


class Classifications(BaseModel):
    """The answers for several files, in their order."""

    model: str
    version: str
    results: list[Result]


class ModelSummary(BaseModel):
    """A model in a list."""

    name: str = Field(examples=["animals"])
    version: str
    provider: str = Field(examples=["cpu"])
    labels: int = Field(ge=1, description="how many")
    default: bool = False


class Models(BaseModel):
    """The models that are served."""

    models: list[ModelSummary]


class Model(ModelSummary):
    """A model with its spec."""

    versions: list[str]
    spec: dict[str, Any]


class FeatureDrift(BaseModel):
    """How far one feature is from the training's."""

    distance: float = Field(ge=0, le=1)
    by_chance: float = Field(ge=0)
    beyond_chance: float = Field(ge=0, le=1)
    verdict: Verdict


class Drift(BaseModel):
    """How far the last pictures are from those of the training."""

    model: str
    version: str
    verdict: Verdict | Literal["no_fingerprint"]
    pictures: int = Field(ge=0)
    features: dict[str, FeatureDrift]
    window: int | None = None
    least_pictures: int | None = None
    method: str | None = None
    thresholds: dict[str, float] | None = None


class Status(BaseModel):
    """Whether the process lives, or is ready with these models."""

    status: str = Field(examples=["ready"])
    models: list[ModelSummary] = []


class OipError(BaseModel):
    """What went wrong, as the Open Inference Protocol has it."""

    error: str


PROBLEMS = {
    400: "no image, a malformed form or tensor, damaged compression or a wrong parameter",
    401: "an API key is needed, and none or a wrong one was sent",
    404: "there is no such model",
    413: "too many bytes or pictures, or a picture whose header says too many pixels",
    415: "not an image, a format that is not decoded, or an unknown compression",
    422: "an image that is cut short or damaged",
    500: "the model could not be run on this picture",
    503: "too many pictures are waiting; Retry-After says when to try again",
    504: "it took longer than a request may",
}


def problems(*statuses: int, model: type[BaseModel] = Error) -> dict[int | str, dict[str, Any]]:
    """Return what a route may answer instead, for FastAPI's `responses`; without `statuses` all of them."""
    return {status: {"description": PROBLEMS[status], "model": model} for status in statuses or PROBLEMS}
