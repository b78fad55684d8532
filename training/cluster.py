"""The workers of a training on several machines, as TensorFlow's variable TF_CONFIG describes them.

On the first of two machines, and with "index": 1 on the second:

    TF_CONFIG='{"cluster": {"worker": ["10.0.0.1:2345", "10.0.0.2:2345"]}, "task": {"type": "worker", "index": 0}}'
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.errors import UsageError

VARIABLE = "TF_CONFIG"
EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2345", "10.0.0.2:2345"]}, "task": {"type": "worker", "index": 0}} '
    "on the first of two machines"
)
ADDRESS = re.compile(r"[^\s:/]+:([1-9][0-9]{0,4})")
LARGEST_PORT = 65535
# The order in which TensorFlow counts them; other kinds of task take no part in this way of training.
KINDS = ("chief", "worker")


@dataclass(frozen=True)
class Cluster:
    """Addresses `host:port`, at least two, and which of them is this process. The first is the chief's."""

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes the run folder."""
        return self.index == 0


def read_cluster(environment: Mapping[str, str]) -> Cluster:
    """Return what TF_CONFIG says. Raises UsageError, with an example, if it is not set or says something else."""
    text = environment.get(VARIABLE)
    if not text:
        raise _refusal("is not set")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refusal(f"is no JSON ({error})") from None
    cluster, task = (_object(_object(config, "it"), "it", name) for name in ("cluster", "task"))
    if unknown := sorted(set(cluster) - set(KINDS)):
        raise _refusal(f"has tasks of the kind {unknown[0]!r} in its cluster; only chief and worker take part")
    if len(_list(cluster, "chief")) > 1:
        raise _refusal("has more than one chief in its cluster")
    listed = [(kind, i, address) for kind in KINDS for i, address in enumerate(_list(cluster, kind))]
    addresses = tuple(_address(address) for _, _, address in listed)
    if len(addresses) < 2 or len(set(addresses)) < len(addresses):
        raise _refusal(f"must name at least two workers, each once. Received: {', '.join(addresses) or 'none'}")
    places = [(kind, i) for kind, i, _ in listed]
    own = (task.get("type"), task.get("index"))
    if own not in places or type(own[1]) is not int:  # 0.0 and False are equal to 0
        raise _refusal(f"has a task that is not in its cluster: type {own[0]!r}, index {own[1]!r}")
    return Cluster(addresses, places.index(own))


def _object(value: Any, where: str, name: str | None = None) -> dict[str, Any]:
    found = value.get(name) if name else value
    if not isinstance(found, dict):
        raise _refusal(f"lacks the object {name!r}" if name else f"must be a JSON object, {where} is not")
    return found


def _list(cluster: dict[str, Any], kind: str) -> list[Any]:
    found = cluster.get(kind, [])
    if not isinstance(found, list):
        raise _refusal(f"must give a list of addresses for {kind}. Received: {found!r}")
    return found


def _address(value: Any) -> str:
    matched = ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if matched is None or int(matched[1]) > LARGEST_PORT:
        raise _refusal(f"must give addresses as host:port. Received: {value!r}")
    return str(value)


def _refusal(what: str) -> UsageError:
    return UsageError(f"--strategy multiworker reads the workers from {VARIABLE}, which {what}; set it to {EXAMPLE}")
