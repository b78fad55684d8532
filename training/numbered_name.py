"""Names of pictures that are counted, 000001.png and so on, as gathering and labelling give them."""

import re

# A name may come from a file that somebody else wrote: it must not lead out of its folder, nor count to no end.
NUMBERED_NAME = re.compile(r"[0-9]{6,18}\.[a-z]{3,5}")
_NUMBER = re.compile(r"([0-9]{1,18})\.")


def numbered_name(number: int, suffix: str) -> str:
    """Return the name of the picture of this number; `suffix` begins with its dot."""
    return f"{number:06}{suffix}"


def number_of(name: str) -> int:
    """Return the number that a file is named for, 0 for one with another kind of name."""
    found = _NUMBER.match(name)
    return int(found[1]) if found else 0
