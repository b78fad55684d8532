"""TF_CONFIG: what it may say, and what is said of anything else."""

import json

import pytest

from edge.errors import UsageError
from training.cluster import Cluster, read_cluster

PAIR = ["10.0.0.1:2345", "10.0.0.2:2345"]


def config(cluster: object, kind: object = "worker", index: object = 0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_workers_are_counted_as_tensorflow_counts_them() -> None:
    assert read_cluster(config({"worker": PAIR}, index=1)) == Cluster(tuple(PAIR), 1)
    assert read_cluster(config({"worker": PAIR})).is_chief
    with_chief = {"worker": PAIR, "chief": ["10.0.0.9:1"]}
    assert read_cluster(config(with_chief, "worker", 0)) == Cluster(("10.0.0.9:1", *PAIR), 1)
    assert read_cluster(config(with_chief, "chief", 0)).is_chief


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "is not set"),
        ({"TF_CONFIG": ""}, "is not set"),
        ({"TF_CONFIG": "{worker}"}, "is no JSON"),
        ({"TF_CONFIG": "[]"}, "must be a JSON object"),
        ({"TF_CONFIG": "{}"}, "lacks the object 'cluster'"),
        ({"TF_CONFIG": json.dumps({"cluster": {"worker": PAIR}})}, "lacks the object 'task'"),
        (config({"worker": PAIR, "ps": ["a:1"]}), "of the kind 'ps'"),
        (config({"worker": "a:1"}), "a list of addresses for worker"),
        (config({"worker": ["10.0.0.1", "10.0.0.2:1"]}), "host:port. Received: '10.0.0.1'"),
        (config({"worker": ["a:1", "b:65536"]}), "host:port. Received: 'b:65536'"),
        (config({"worker": PAIR[:1]}), "at least two workers"),
        (config({"worker": [PAIR[0], PAIR[0]]}), "each once"),
        (config({"worker": PAIR}, index=2), "type 'worker', index 2"),
        (config({"worker": PAIR}, "chief"), "type 'chief', index 0"),
        (config({"worker": PAIR}, index=True), "index True"),
        (config({"worker": PAIR}, index=0.0), "index 0.0"),
        (config({"worker": PAIR, "chief": ["a:1", "b:1"]}), "has more than one chief"),
        ({"TF_CONFIG": "[" * 100_000}, "is no JSON"),
        (config({"worker": PAIR}, index="0"), "index '0'"),
    ],
)
def test_anything_else_is_refused_with_an_example(environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_cluster(environment)
    message = str(raised.value)
    assert said in message
    assert "\n" not in message
    assert 'set it to {"cluster": {"worker": ["10.0.0.1:2345"' in message
