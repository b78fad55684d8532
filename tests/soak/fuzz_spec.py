"""Any text is a spec or a ModelError, and a spec that was read is written as it was: by Hypothesis."""

import copy
import json
from typing import Any

import hypothesis.strategies as st

from edge.errors import ModelError
from edge.model import METADATA_KEY
from edge.spec import SPEC_FORMAT, parse_spec
from tests.benchmarks.minivgg import make_artifact
from tests.soak.fuzzing import fuzz
from tests.soak.outcome import Effort, Outcome

LIMIT_MS = 1_000
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2**63, 10**400])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# Parts of a spec, in the places of others.
PARTS = st.sampled_from(
    [{"kind": "grey"}, {"kind": "glyphs", "count": 4}, {"kind": "faces"}, {"kind": []}, {}, SPEC_FORMAT]
)
# Specs that keep the rules, mostly: they must be read, and come out as they were.
SIDE, LABEL = st.integers(1, 99), st.text(min_size=1, max_size=8)
STEPS = st.one_of(
    st.just({"kind": "grey"}),
    st.fixed_dictionaries({"kind": st.just("scale"), "factor": st.floats(0.001, 9)}),
    st.fixed_dictionaries({"kind": st.just("centre_crop"), "height": SIDE, "width": SIDE}),
)
REGIONS = st.just({"kind": "faces"}) | st.fixed_dictionaries({"kind": st.just("glyphs"), "count": st.integers(0, 9)})
OTHER_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": LABEL,
        "version": st.none() | LABEL,
        "labels": st.lists(LABEL, min_size=10, max_size=10),
        "preprocessing": st.lists(STEPS, max_size=4),
        "regions": st.none() | REGIONS,
        "abstain_below": st.none() | st.floats(0, 1),
        "self_test": st.none(),
    },
)
DAMAGE = st.tuples(st.integers(0, 10**6), st.sampled_from(["replace", "remove", "add"]), VALUES | PARTS)


def run(effort: Effort) -> Outcome:
    text = good_spec()
    damaged = st.lists(DAMAGE, min_size=1, max_size=3).map(
        lambda damages: json.dumps(damage(json.loads(text), damages))
    )
    other = OTHER_VALUES.map(lambda values: json.dumps(json.loads(text) | values))
    cut = st.tuples(st.integers(0, len(text)), st.text(max_size=20)).map(lambda c: text[: c[0]] + c[1])
    deep = st.integers(1, 200_000).map(lambda depth: "[" * depth)
    outcome, seen = fuzz(effort, other | damaged | cut | deep | st.text(), read, "read", LIMIT_MS, share=3.0)
    print(f"specs: {dict(seen.most_common())}")
    return outcome


def good_spec() -> str:
    import onnx

    entries = onnx.load_from_string(make_artifact()).metadata_props
    return str(next(entry.value for entry in entries if entry.key == METADATA_KEY))


def damage(spec: Any, damages: list[tuple[int, str, Any]]) -> Any:
    for number, how, new in damages:
        places = list(containers(spec))
        place = places[number % len(places)]
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[number // len(places) % len(keys)] if keys else None
        value = copy.deepcopy(new)  # it may be in there already
        if how == "add" or key is None:
            place.append(value) if isinstance(place, list) else place.update({f"new {number}": value})
        elif how == "remove":
            del place[key]
        else:
            place[key] = value
    return spec


def containers(value: Any) -> Any:
    """Yield all objects and arrays in it."""
    if isinstance(value, dict | list):
        yield value
        for inner in list(value.values() if isinstance(value, dict) else value):
            yield from containers(inner)


def read(text: str) -> str:
    try:
        spec = parse_spec(text, "m.onnx")
    except ModelError as error:
        if not str(error).startswith("m.onnx: ") or "\n" in str(error):
            raise AssertionError(f"not one line that names the file: {error!r}") from None
        return "refused"
    if parse_spec(spec.to_json(), "again") != spec:
        raise AssertionError("what was read is not what is written")
    return "read"
