"""Addresses that are asked for, and the header that says when to come again."""

from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime

import pytest

from edge.errors import UsageError
from training.gather.request import parse_url, retry_after_s


@pytest.mark.parametrize("url", ["http://host/captcha?x=1", "https://host:8443/", "http://[::1]:80/a%20b"])
def test_addresses_stay_as_they_are_but_for_the_fragment(url: str) -> None:
    assert parse_url(url + "#part") == url


@pytest.mark.parametrize(
    "text",
    ["", "host/a", "file:///etc/passwd", "ftp://host/", "http://", "http://me:secret@host/", "http://host:99999/",
     "http://host/a b", "http://host/\u00e4", "http://host/\n", "http://www..host/", "http://.host/",
     f"http://{'x' * 64}.host/"],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_url(text)
    assert "secret" not in str(refused.value)
    assert "codec" not in str(refused.value)


def test_retry_after_is_seconds_or_a_date() -> None:
    def after(text: str | None) -> float | None:
        headers = Message()
        if text is not None:
            headers["Retry-After"] = text
        return retry_after_s(headers)

    assert after(None) is after("soon") is None
    assert after("120") == 120
    assert after(format_datetime(datetime.now(UTC) + timedelta(seconds=100))) == pytest.approx(100, abs=5)
    assert after(format_datetime(datetime.now(UTC) - timedelta(seconds=100))) == 0
