"""An answer is one line of JSON, as the standard library reads and counts it."""

import json

import pytest

from serving.json_line import JsonLine


def test_one_line_that_says_its_length() -> None:
    answer = JsonLine({"label": "\u00fc\n", "probability": 0.5})
    assert json.loads(answer.body) == {"label": "\u00fc\n", "probability": 0.5}
    assert bytes(answer.body).count(b"\n") == 1
    assert bytes(answer.body).endswith(b"\n")
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.media_type == "application/json"


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        JsonLine({"probability": float("nan")})
