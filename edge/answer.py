"""`Answer`: what became of one input, in the words that every command prints and writes."""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.classification import Classification, Prediction
from edge.errors import ImageError

# Codes of inputs that led to no content at all.
NOT_THERE = ("not_found", "unreadable")


@dataclass(frozen=True)
class Answer:
    """One input with its classification or its error, never both."""

    path: str
    classification: Classification | None
    error: ImageError | None


def as_record(answer: Answer) -> dict[str, object]:
    """Return one answer as the JSON object of `--json`."""
    return {
        "path": answer.path,
        **classification_fields(answer.classification),
        "error": error_fields(answer.error),
    }


def error_fields(error: ImageError | None) -> dict[str, str] | None:
    """Return what went wrong, if anything, as a JSON object."""
    return {"code": error.code, "message": str(error)} if error else None


def classification_fields(classification: Classification | None) -> dict[str, object]:
    """Return what was found, None for nothing, as fields of a JSON object."""
    if classification is None:
        return {"predictions": [], "unsure": False, "note": None}
    return {
        "predictions": _prediction_fields(classification.predictions),
        "unsure": classification.unsure,
        "note": classification.note,
        **region_fields(classification),
    }


def region_fields(classification: Classification) -> dict[str, object]:
    """Return `regions` and `text` as fields of a JSON object; none for a model that classifies whole pictures."""
    if classification.regions is None:
        return {}
    regions = [
        {
            "box": {"x": r.box.x, "y": r.box.y, "width": r.box.width, "height": r.box.height},
            "predictions": _prediction_fields(r.predictions),
            "unsure": r.unsure,
        }
        for r in classification.regions
    ]
    return {"regions": regions, "text": classification.text}


def _prediction_fields(predictions: Iterable[Prediction]) -> list[dict[str, object]]:
    return [{"label": p.label, "probability": p.probability} for p in predictions]


def printable(path: str) -> str:
    """Return `path` for one line of a terminal: what would end the line or steer the terminal is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path)
