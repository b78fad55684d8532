"""Metrics in Prometheus's format. Every label has one of a few values that are known before the first request."""

import os
from collections.abc import Iterable
from functools import cache, partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from edge.result import Classification
from serving.inference.drift import FEATURES
from serving.inference.engine import Engine, Timing

# prometheus_client keeps the values of all workers in this folder; 'eyespot serve' and BentoML set it.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STAGES = ("queue", "decode", "preprocess", "wait", "inference")
SIZES = tuple(1 << i for i in range(9))
DRIFT_HELP = "How far the last pictures are from those of training, beyond chance; 0 while they are too few"


class Metrics:
    """What one worker counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._shown: set[tuple[str, str, str]] = set()
        self._watched: set[tuple[str, str]] = set()
        counter = partial(Counter, registry=self._registry)
        histogram = partial(Histogram, registry=self._registry)
        # The workers' values are added up, or the largest counts.
        total = partial(Gauge, registry=self._registry, multiprocess_mode="livesum")
        most = partial(Gauge, registry=self._registry, multiprocess_mode="livemax")
        self.requests = counter("eyespot_requests", "Answers", ["route", "status"])
        self.duration = histogram(
            "eyespot_request_seconds", "From the first byte to the last", ["route"], buckets=SECONDS
        )
        self.pictures = counter("eyespot_pictures", "Pictures answered", ["model", "outcome"])
        self.rejected = counter("eyespot_rejected", "Requests refused", ["reason"])
        self.stage = histogram(
            "eyespot_stage_seconds", "Where a picture's time goes", ["model", "stage"], buckets=SECONDS
        )
        self.batch = histogram("eyespot_batch_size", "Pictures in one run of the network", ["model"], buckets=SIZES)
        self.abstentions = counter("eyespot_abstentions", "Pictures answered as unsure", ["model"])
        self.best = counter("eyespot_best_label", "Best labels", ["model", "label"])
        self.reloads = counter("eyespot_reloads", "Model files looked at again", ["outcome"])
        self.waiting = total("eyespot_waiting", "Pictures that are received or computed")
        self.info = most("eyespot_model_info", "1 for each model that is served", ["model", "version", "provider"])
        self.drift = most("eyespot_drift_distance", DRIFT_HELP, ["model", "version", "feature"])
        self.drift_pictures = total("eyespot_drift_pictures", "Pictures that are compared", ["model", "version"])

    def count_answer(self, engine: Engine, timing: Timing, leads: bool, classification: Classification) -> None:
        """Count one picture that was answered; the one that `leads` its batch counts the batch."""
        model = engine.spec.name
        for predictions in classification.answers:
            if predictions:
                _child(self.best, model, predictions[0].label).inc()
        _child(self.pictures, model, "ok").inc()
        seconds = (timing.queue_s, timing.decode_s, timing.preprocess_s, timing.wait_s, timing.inference_s)
        for stage, value in zip(STAGES, seconds, strict=True):
            _child(self.stage, model, stage).observe(value)
        if leads:
            _child(self.batch, model).observe(timing.batch_size)
        if classification.unsure:
            _child(self.abstentions, model).inc()

    def count_failure(self, engine: Engine, code: str) -> None:
        """Count one picture that could not be answered."""
        self.pictures.labels(engine.spec.name, code).inc()

    def count_request(self, route: str, status: int, code: str | None, seconds: float) -> None:
        """Count one request; `route` is the pattern of its path, `code` what it was refused for."""
        _child(self.requests, route, str(status)).inc()
        _child(self.duration, route).observe(seconds)
        if code and status != 500:
            self.rejected.labels(code).inc()

    def show_models(self, engines: Iterable[Engine]) -> None:
        """Show which models are served now."""
        served = {(engine.spec.name, str(engine.spec.version), engine.provider) for engine in engines}
        # Zero, and not removed: the file that the workers share would keep the value of a label that is gone.
        for labels in self._shown | served:
            self.info.labels(*labels).set(labels in served)
        self._shown |= served

    def show_drift(self, engines: Iterable[Engine]) -> None:
        """Show how far each model that has a fingerprint has drifted."""
        served = {
            (engine.spec.name, str(engine.spec.version)): engine.window
            for engine in engines
            if engine.window is not None
        }
        for labels in self._watched | served.keys():
            window = served.get(labels)
            features = window.features() if window is not None and window.has_enough else {}
            self.drift_pictures.labels(*labels).set(len(window) if window is not None else 0)
            for feature in FEATURES:
                self.drift.labels(*labels, feature).set(features[feature].beyond_chance if features else 0)
        self._watched |= served.keys()

    def render(self) -> bytes:
        """Return the metrics of all workers as text."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


@cache
def _child(metric: Counter | Histogram, *labels: str) -> Any:
    """Return the series of `metric` with these labels; finding it costs more than counting in it."""
    return metric.labels(*labels)
