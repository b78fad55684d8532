"""The description of the interface: valid OpenAPI, true of the answers, and a page that needs no other host."""

import re
from html.parser import HTMLParser
from importlib.metadata import version

import jsonschema
import openapi_spec_validator
import pytest

from serving.openapi import PAGE, describe_api
from tests.serving.conftest import Ask, encode_png


def schema_of(status: int) -> dict[str, object]:
    """Return the schema that the document promises for an answer of /v1/classify."""
    document = describe_api()
    content = document["paths"]["/v1/classify"]["post"]["responses"][str(status)]["content"]
    return {**content["application/json"]["schema"], "components": document["components"]}


def test_document_is_valid_openapi() -> None:
    document = describe_api()
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == version("eyespot")


def test_document_is_what_the_route_serves(ask: Ask) -> None:
    assert ask("GET", "/docs.json").json() == describe_api()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": encode_png(200)}, 200),
        ({"content": b""}, 400),
        ({"content": encode_png(200), "params": {"top_k": "x"}}, 400),
        ({"content": encode_png(1, 200, 200)}, 413),
        ({"content": b"x" * 200_000}, 413),
        ({"content": b"words"}, 415),
        ({"content": encode_png(200)[:30]}, 422),
    ],
)
def test_answers_are_as_described(ask: Ask, request_: dict[str, object], status: int) -> None:
    answer = ask("POST", "/v1/classify", **request_)
    assert answer.status_code == status
    jsonschema.validate(answer.json(), schema_of(status))


def test_a_description_would_notice_another_answer() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"model": "x", "version": "y", "predictions": [{"label": "a"}]}, schema_of(200))


class References(HTMLParser):
    """Collects what a page would load or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]


def test_page_refers_to_nothing_outside(ask: Ask) -> None:
    answer = ask("GET", "/")
    assert answer.text == PAGE
    assert answer.headers["content-type"].startswith("text/html")
    references = References()
    references.feed(PAGE)
    assert len(references.found) >= 3
    assert all(re.match(r"\./|data:,$", reference) for reference in references.found)
    assert re.search(r"https?:|//[a-z]", PAGE) is None
