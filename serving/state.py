"""What all routes of a worker share."""

from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.requests import Request

from edge.result import Classification
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
        return cls(settings, repository, Places(settings.max_waiting, metrics.show_waiting), keys, metrics)


class Counts(BackgroundTask):
    """What a response counts once it is sent: its client would wait for nothing, and sends the next one meanwhile."""

    def __init__(self, state: ServiceState) -> None:
        self.state = state
        self._answers: list[tuple[Engine, Answer, Classification]] = []

    def add(self, engine: Engine, answer: Answer, classification: Classification) -> None:
        """Count one picture that was answered, and watch it for drift, when the response has been sent."""
        self._answers.append((engine, answer, classification))

    async def __call__(self) -> None:
        """Count."""
        for engine, answer, classification in self._answers:
            self.state.metrics.count_answer(engine, answer.timing, classification)
            engine.watch(answer, classification)


def state_of(request: Request) -> ServiceState:
    """Return the state of the application that got `request`."""
    state: ServiceState = request.app.state.service
    return state
