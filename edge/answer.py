"""`Answer`: what became of one input, in the words that every command prints and writes."""

from dataclasses import dataclass

from edge.classifier import Classification
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
    predictions = answer.classification.predictions if answer.classification else ()
    return {
        "path": answer.path,
        "predictions": [{"label": p.label, "probability": p.probability} for p in predictions],
        "unsure": answer.classification.unsure if answer.classification else False,
        "note": answer.classification.note if answer.classification else None,
        "error": {"code": answer.error.code, "message": str(answer.error)} if answer.error else None,
    }


def printable(path: str) -> str:
    """Return `path` for one line of a terminal: what would end the line or steer the terminal is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path)
