"""Providers: what was asked for and does not load is an error with the reason; this machine has a CPU only."""

import numpy as np
import onnxruntime
import pytest

from edge.errors import InstallationError, ModelError
from serving import providers
from serving.providers import Choice, choose_provider, create_provider_session
from serving.split import split_model


def test_the_processor_is_always_there() -> None:
    assert choose_provider("cpu") == Choice("cpu")


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
@pytest.mark.parametrize("wanted", ["cuda", "tensorrt"])
def test_what_is_not_built_in_is_refused_with_the_reason(wanted: str) -> None:
    with pytest.raises(
        InstallationError, match=rf"'{wanted}' does not load here: .*built for .*CPUExecutionProvider.*gpu"
    ):
        choose_provider(wanted)


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
def test_auto_says_what_it_took_and_why() -> None:
    choice = choose_provider("auto")
    assert choice.provider == "cpu"
    assert str(choice).startswith("cpu; cuda: onnxruntime")


def test_a_provider_that_is_built_in_but_whose_library_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    reason = providers.why_not("cuda")
    assert reason is not None
    assert "libonnxruntime_providers_" in reason or "cannot open shared object file" in reason


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
def test_a_provider_that_is_not_built_in_is_never_another_one(tiny_content: bytes) -> None:
    said = r"^m: onnxruntime \S+ cannot load this model \(.*'CUDAExecutionProvider' is not in available provider names"
    with pytest.raises(ModelError, match=said):
        create_provider_session(split_model(tiny_content, "m").network, "m", "cuda", 1)


def test_another_provider_than_the_one_asked_for_is_an_error(
    tiny_content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnTheProcessor:
        """A session as onnxruntime makes it where CUDA is built in and a library of it is missing."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "InferenceSession", OnTheProcessor)
    with pytest.raises(
        InstallationError, match=r"^m: CUDAExecutionProvider was asked for and CPUExecutionProvider came up$"
    ):
        create_provider_session(split_model(tiny_content, "m").network, "m", "cuda", 1)


def test_a_session_computes(tiny_content: bytes) -> None:
    session = create_provider_session(split_model(tiny_content, "m").network, "m", "cpu", 1)
    answer = session.run(None, {"network_input": np.full((1, 4, 4, 1), 0.5, np.float32)})[0]
    logits = np.array([-2.0, 0.0, -2.0])  # slope times one half plus offset
    np.testing.assert_allclose(answer[0], np.exp(logits) / np.exp(logits).sum(), rtol=0, atol=1e-6)
