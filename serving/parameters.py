"""Parameters of a query, checked."""

import math

from starlette.requests import Request

from serving.problems import RequestError
from serving.settings_sources import LONGEST_NUMBER

DEFAULT_TOP_K = 5
SHOWN = 40


def read_top_k(request: Request) -> int:
    """Return how many predictions are wanted. Raises RequestError 400."""
    text = request.query_params.get("top_k", str(DEFAULT_TOP_K))
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()):
        raise _bad(f"top_k must be a whole number of at least 1. Received: {text[:SHOWN]!r}")
    return int(digits[:LONGEST_NUMBER])


def read_min_probability(request: Request) -> float:
    """Return the probability below which predictions are left out. Raises RequestError 400."""
    text = request.query_params.get("min_probability", "0")
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise _bad(f"min_probability must be a number from 0 to 1. Received: {text[:SHOWN]!r}")
    return value


def _bad(message: str) -> RequestError:
    return RequestError(400, "bad_parameter", message)
