"""API keys: who is let in, by which header, and that a file may change while the service runs."""

import base64
import os
from pathlib import Path

import pytest

from edge.errors import UsageError
from serving.auth import ApiKeys
from tests.serving.conftest import application, asker, encode_png

KEY, OTHER = "first-key-0123", "second-key-4567"


def basic(key: str, user: str = "me") -> str:
    return "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "api_key", "good"),
    [
        (f"Bearer {KEY}", "", True),
        (f"bearer {OTHER}", "", True),
        ("", KEY, True),
        (basic(OTHER), "", True),
        (basic(KEY, ""), "", True),
        ("", "", False),
        ("Bearer ", "", False),
        (f"Bearer {KEY}x", "", False),
        (f"Bearer {KEY[:-1]}", "", False),
        (KEY, "", False),
        (f"Digest {KEY}", "", False),
        ("Basic %%%", "", False),
        ("Basic \u00e9\u00e9", "", False),
        ("Basic QQ", "", False),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), "", False),
        ("Bearer \udce4", "", False),
        ("", "#" * 50, False),
    ],
)
def test_who_is_let_in(authorization: str, api_key: str, good: bool) -> None:
    keys = ApiKeys((KEY, OTHER), "")
    assert keys.required
    assert keys.accepts(authorization, api_key) is good


def test_without_keys_none_is_asked_for() -> None:
    assert not ApiKeys((), "").required


def test_a_file_is_read_again_when_it_changes_and_kept_while_it_is_bad(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    stamps = iter(range(1, 99))

    def write(text: str) -> None:
        file.write_text(text)
        os.utime(file, ns=(0, next(stamps)))  # two writes may fall into one tick of the clock

    write(f"# comment\n{KEY}\n\n")
    keys = ApiKeys((), str(file))
    assert (keys.accepts("", KEY), keys.accepts("", OTHER)) == (True, False)
    write(f"{OTHER}\n")
    assert (keys.accepts("", KEY), keys.accepts("", OTHER)) == (False, True)
    for bad in ("", "# none\n", "short\n", f"{KEY}\nshort\n"):
        write(bad)
        assert (keys.accepts("", KEY), keys.accepts("", OTHER)) == (False, True)
    file.unlink()
    assert keys.accepts("", OTHER)
    write(f"{KEY}\n{OTHER}\n")
    assert (keys.accepts("", KEY), keys.accepts("", OTHER)) == (True, True)


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"short\n", b"\xff\xff\xff\xff\xff\xff\xff\xff"])
def test_a_bad_file_is_refused_at_the_start(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    with pytest.raises(UsageError, match="keys"):
        ApiKeys((), str(tmp_path / "keys"))
    with pytest.raises(UsageError, match="cannot be read"):
        ApiKeys((), str(tmp_path / "none"))


def test_a_key_is_needed_for_everything_but_health(tiny_model: Path) -> None:
    with application(tiny_model, api_keys=(KEY,)) as app:
        ask = asker(app)
        for path in ("/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"):
            assert ask("GET", path).status_code == 200, path
        for path in ("/", "/docs.json", "/playground", "/metrics", "/v1/models", "/v2", "/v2/models/tiny", "/nowhere"):
            answer = ask("GET", path)
            assert answer.status_code == 401, path
            # A line for each: Chromium reads one line as one challenge, and asks for a password on Basic only.
            challenges = [value for name, value in answer.headers.raw if name.lower() == b"www-authenticate"]
            assert challenges == [b'Basic realm="eyespot"', b"Bearer"]
        assert ask("GET", "/v2", headers=[(b"authorization", b"Basic \xe9\xe9")]).status_code == 401
        assert ask("GET", "/v2").json() == {"error": "this needs an API key: Authorization: Bearer KEY"}
        assert ask("POST", "/v1/classify", content=encode_png(1)).json()["error"]["code"] == "unauthorized"
        good = {"Authorization": f"Bearer {KEY}"}
        assert ask("POST", "/v1/classify", content=encode_png(1), headers=good).status_code == 200
        assert ask("GET", "/nowhere", headers=good).status_code == 404
