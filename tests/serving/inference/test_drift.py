"""Drift as the service shows it: pictures like those of training, then darker ones; crops for models of regions."""

import asyncio
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from edge.classifier import Classifier
from edge.fingerprint import measure
from edge.regions.glyphs import crop_glyph
from edge.spec import Fingerprint, Glyphs
from export.fingerprint import BRIGHTNESS_EDGES, CONTRAST_EDGES, take_fingerprint
from serving.app import refresh
from serving.inference.drift import FEATURES
from tests.conftest import TINY_LABELS, tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import png
from tests.edge.regions.drawn_glyphs import code
from tests.serving.conftest import MAX_PIXELS, Ask, application, asker, metric

TOGETHER = 30


def draw(chance: np.random.Generator, count: int, level: float = 150) -> list[np.ndarray]:
    """Small noisy pictures of about one size and contrast, whose brightness varies around `level`."""
    pictures = []
    for _ in range(count):
        height, width = chance.integers(20, 30, 2)
        noise = chance.normal(chance.normal(level, 15), 20, (height, width, 1))
        pictures.append(np.repeat(np.clip(noise, 0, 255).astype(np.uint8), 3, axis=2))
    return pictures


def fingerprint_of(pictures: list[np.ndarray]) -> Fingerprint:
    probabilities = np.array([tiny_probabilities(picture.mean()) for picture in pictures], np.float32)
    return take_fingerprint(np.array([measure(picture) for picture in pictures]), probabilities)


def send_all(ask: Ask, pictures: list[np.ndarray]) -> None:
    for start in range(0, len(pictures), TOGETHER):
        files = [("files", bytes(cv2.imencode(".png", p)[1])) for p in pictures[start : start + TOGETHER]]
        assert ask("POST", "/v1/classify", files=files).status_code == 200


@pytest.fixture
def watched(tiny_model: Path, tiny_content: bytes) -> Path:
    """The tiny model with the fingerprint of 1,000 pictures."""
    fingerprint = fingerprint_of(draw(np.random.default_rng(0), 1000))
    return written(tiny_model, restamped(tiny_content, fingerprint=fingerprint))


def test_like_pictures_are_stable_and_darker_ones_are_seen_in_brightness_only(watched: Path) -> None:
    chance = np.random.default_rng(1)
    trained, like, dark = (draw(np.random.default_rng(0), 1000), draw(chance, 240), draw(chance, 300, level=105))
    with application(watched, drift_window=300) as app:
        ask = asker(app)
        send_all(ask, like)
        stable = ask("GET", "/v1/models/tiny/drift").json()
        assert (stable["verdict"], stable["pictures"], stable["window"]) == ("stable", 240, 300)
        assert {f["verdict"] for f in stable["features"].values()} == {"stable"}
        send_all(ask, dark)
        found = ask("GET", "/v1/models/tiny/drift").json()
        app.state.service.metrics.show_drift(app.state.service.repository.engines)
        shown = {f: metric(ask, "eyespot_drift_distance", model="tiny", feature=f) for f in FEATURES}
        assert metric(ask, "eyespot_drift_pictures", model="tiny") == 300
    assert (found["verdict"], found["pictures"]) == ("drifted", 300)
    verdicts = {name: feature["verdict"] for name, feature in found["features"].items()}
    assert verdicts["brightness"] == "drifted"
    assert (verdicts["size"], verdicts["contrast"]) == ("stable", "stable")
    for name, edges, of in (("brightness", BRIGHTNESS_EDGES, np.mean), ("contrast", CONTRAST_EDGES, np.std)):
        before, now = (np.histogram([of(p[..., 0]) for p in pictures], edges)[0] for pictures in (trained, dark))
        # Bins that count together, and float32 against float64 on the edge of a bin.
        assert found["features"][name]["distance"] == pytest.approx(jensenshannon(before, now, base=2), abs=0.03)
    assert shown == pytest.approx({n: f["beyond_chance"] for n, f in found["features"].items()}, abs=1e-4)


def test_too_few_pictures_are_no_verdict_and_no_metric(watched: Path) -> None:
    with application(watched) as app:
        ask = asker(app)
        assert ask("GET", "/v1/models/tiny/drift").json()["features"] == {}
        send_all(ask, draw(np.random.default_rng(1), 60, level=20))
        found = ask("GET", "/v1/models/tiny/drift").json()
        assert (found["verdict"], found["pictures"]) == ("too_few_pictures", 60)
        assert found["features"]["brightness"]["distance"] > 0.9
        assert found["features"]["brightness"]["verdict"] == "too_few_pictures"
        app.state.service.metrics.show_drift(app.state.service.repository.engines)
        assert metric(ask, "eyespot_drift_distance", feature="brightness") == 0


def test_a_reload_begins_a_new_window(watched: Path, tiny_content: bytes) -> None:
    with application(watched) as app:
        ask, state = asker(app), app.state.service
        send_all(ask, draw(np.random.default_rng(1), 210, level=20))
        state.metrics.show_drift(state.repository.engines)
        old = ask("GET", "/v1/models/tiny/drift").json()
        assert (old["verdict"], old["pictures"]) == ("drifted", 210)
        assert metric(ask, "eyespot_drift_distance", version=old["version"], feature="brightness") > 0.5
        fingerprint = fingerprint_of(draw(np.random.default_rng(5), 300))
        written(watched, restamped(tiny_content, fingerprint=fingerprint, reject_threshold=0.5))
        asyncio.run(refresh(state, again=False))
        state.metrics.show_drift(state.repository.engines)
        new = ask("GET", "/v1/models/tiny/drift").json()
        assert new["version"] != old["version"]
        assert (new["verdict"], new["pictures"]) == ("too_few_pictures", 0)
        assert metric(ask, "eyespot_drift_distance", version=old["version"], feature="brightness") == 0


def test_a_model_without_a_fingerprint_says_so(ask: Ask) -> None:
    found = ask("GET", "/v1/models/tiny/drift").json()
    assert (found["verdict"], found["pictures"], found["features"]) == ("no_fingerprint", 0, {})
    assert ask("GET", "/v1/models/nobody/drift").status_code == 404


def test_the_tensors_of_the_open_inference_protocol_count_too(watched: Path) -> None:
    data = np.full((4, 5, 5, 3), 90, np.uint8)
    tensor = {"name": "image", "datatype": "UINT8", "shape": [4, 5, 5, 3], "data": data.ravel().tolist()}
    with application(watched) as app:
        ask = asker(app)
        assert ask("POST", "/v2/models/tiny/infer", json={"inputs": [tensor]}).status_code == 200
        assert ask("GET", "/v1/models/tiny/drift").json()["pictures"] == 4


def test_of_a_model_of_regions_the_crops_are_compared(tiny_model: Path, tiny_content: bytes) -> None:
    fingerprint = fingerprint_of(draw(np.random.default_rng(0), 300))
    written(tiny_model, restamped(tiny_content, regions=Glyphs(4), fingerprint=fingerprint))
    pixels = code("7391")[0]
    with application(tiny_model, max_pixels=max(MAX_PIXELS, pixels.shape[0] * pixels.shape[1])) as app:
        ask = asker(app)
        assert ask("POST", "/v1/classify", content=png(pixels)).json()["text"] is not None
        window: Any = app.state.service.repository.find().window
        answer = Classifier.load(tiny_model).classify(png(pixels))
    crops = [measure(crop_glyph(pixels, region.box)) for region in answer.regions or ()]
    expected = type(window)(fingerprint, 1000)
    for one, region in zip(crops, answer.regions or (), strict=True):
        best = region.predictions[0]
        expected.add(one, best.probability, TINY_LABELS.index(best.label))
    assert len(window) == 4
    assert window.features() == expected.features()
