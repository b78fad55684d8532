"""The manifest: valid for Kubernetes, and true of the service that it starts."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from edge.errors import UsageError
from serving.auth import OPEN_PATHS
from serving.settings import Settings, read_settings
from tests.serving.conftest import Ask

MANIFEST = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes.yaml"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST.read_text()))
VERSIONS = ("1.30", "1.37")


def find(kind: str) -> dict[str, Any]:
    (found,) = (o for o in OBJECTS if o["kind"] == kind)
    return found


@pytest.fixture
def pod() -> dict[str, Any]:
    spec: dict[str, Any] = find("Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["containers"]
    return dict(found)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", OBJECTS, ids=[o["kind"] for o in OBJECTS])
def test_every_object_is_valid_and_has_no_unknown_key(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schema_would_notice_a_wrong_key(container: dict[str, Any]) -> None:
    wrong = find("Deployment") | {"spec": find("Deployment")["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_what_is_answered_without_a_key(ask: Ask, container: dict[str, Any], probe: str) -> None:
    get = container[probe]["httpGet"]
    assert get["path"] in OPEN_PATHS
    assert ask("GET", get["path"]).status_code == 200
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {get["port"]: Settings().port}


def test_the_environment_is_one_of_our_settings_and_ends_in_time(
    pod: dict[str, Any], container: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = read_settings({"models": ("m.onnx",)})
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    arguments = container["args"]
    assert arguments[arguments.index("--timeout-graceful-shutdown") + 1] == str(settings.shutdown_timeout_s)
    assert pod["terminationGracePeriodSeconds"] > pause + settings.shutdown_timeout_s
    assert settings.shutdown_timeout_s >= settings.request_timeout_s
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(Path(settings.api_keys_file).parent) in mounts
    assert "/tmp" in mounts


def test_the_memory_that_it_may_have_follows_from_the_settings(
    container: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What every worker needs by itself, measured with a network of 20 MB, and its budget for pictures."""
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = read_settings({"models": ("m.onnx",)})
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) << 30
    assert limit >= settings.workers * (settings.max_memory_bytes + (300 << 20))


def test_the_variables_that_kubernetes_makes_of_the_service_do_not_reach_a_pod(
    pod: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of Docker's links; our settings have the same prefix, and an unknown one is refused."""
    prefix = find("Service")["metadata"]["name"].upper()
    for name, value in (("SERVICE_HOST", "10.0.0.1"), ("PORT", "tcp://10.0.0.1:80")):
        with monkeypatch.context() as environment:
            environment.setenv(f"{prefix}_{name}", value)
            with pytest.raises(UsageError, match=f"{prefix}_{name}|port"):
                read_settings({"models": ("m.onnx",)})
    assert pod["enableServiceLinks"] is False


def test_nothing_invites_a_scrape_without_a_key(container: dict[str, Any]) -> None:
    assert any(variable["name"] == "EYESPOT_API_KEYS_FILE" for variable in container["env"])
    assert "/metrics" not in OPEN_PATHS
    assert "annotations" not in find("Deployment")["spec"]["template"]["metadata"]


def test_nothing_runs_as_root_or_writes_where_it_should_not(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_the_objects_mean_each_other() -> None:
    deployment, service = find("Deployment"), find("Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert find("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert find("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert service["spec"]["ports"][0]["targetPort"] == "http"
