"""What all routes of a worker share."""

from dataclasses import dataclass

from starlette.requests import Request

from edge.classifier import Classification
from serving.engine import Engine
from serving.job import Answer
from serving.keys import ApiKeys
from serving.metrics import Metrics
from serving.places import Places
from serving.repository import Repository
from serving.settings import Settings


@dataclass(frozen=True)
class ServiceState:
    """A worker that is ready: its settings, its warm models, and what it counts."""

    settings: Settings
    repository: Repository
    places: Places
    keys: ApiKeys
    metrics: Metrics

    @classmethod
    def make(cls, settings: Settings, provider: str) -> "ServiceState":
        """Load all models and return the state. Raises what loading them raises, and UsageError."""
        keys = ApiKeys(settings.api_keys, settings.api_keys_file)
        repository = Repository(settings, provider)
        metrics = Metrics()
        metrics.show_models(repository.engines)
        return cls(settings, repository, Places(settings.max_waiting, metrics.waiting.set), keys, metrics)

    def count_answer(self, engine: Engine, answer: Answer, classification: Classification) -> None:
        """Count one picture that was answered, and watch it for drift."""
        self.metrics.count_answer(engine, answer.timing, classification)
        engine.watch(answer, classification)


def state_of(request: Request) -> ServiceState:
    """Return the state of the application that got `request`."""
    state: ServiceState = request.app.state.service
    return state
