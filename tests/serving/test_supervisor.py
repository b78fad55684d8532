"""What the supervisor knows of settings; that it supervises is for test_supervision."""

import pytest

from serving.settings import Settings
from serving.supervisor import MARK, without_effect

GIVEN = {"host": "0.0.0.0", "port": 80, "ssl_certfile": "c", "ssl_keyfile": "k", "shutdown_timeout_s": 9}


@pytest.mark.parametrize(
    ("settings", "names"),
    [(Settings(), []), (Settings(workers=2, max_batch=3), []), (Settings(**GIVEN), list(GIVEN))],  # type: ignore[arg-type]
    ids=["defaults", "others", "all"],
)
def test_only_the_command_heeds_what_bentoml_has_options_for(settings: Settings, names: list[str]) -> None:
    assert without_effect(settings, {}) == names
    assert without_effect(settings, {MARK: "1"}) == []
