"""The name under which a model stands in somebody else's store, which takes fewer characters than a spec."""

import re

from edge.errors import UsageError

NOT_TAKEN = re.compile(r"[^A-Za-z0-9._-]+")


def published_name(name: str) -> str:
    """Return `name` with a dash for all that is no letter, digit, dot, dash or underscore, and none at its ends.

    So it never leads out of a folder. Raises UsageError if nothing is left of it.
    """
    taken = NOT_TAKEN.sub("-", name).strip("-._")
    if not taken:
        raise UsageError(f"the model's name must have a letter or digit from A to Z, 0 to 9. Received: {name!r}")
    return taken
