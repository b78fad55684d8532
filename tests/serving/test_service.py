"""A real server on the loopback address: the answers of the edge over HTTP, health, metrics, and a clean end."""

import json
import signal
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import openapi_spec_validator
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from edge.model import read_spec
from tests.conftest import Run
from tests.serving.conftest import STOP_S, encode_png, serve

EYESPOT_PACKAGES = ("edge", "export", "training", "serving")


@pytest.fixture
def http(served_lenet: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served_lenet) as client:
        yield client


@pytest.fixture(scope="module")
def pictures(lenet_run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Held-out digits, one of them large, one turned into a photograph."""
    folder = tmp_path_factory.mktemp("pictures")
    with zipfile.ZipFile(lenet_run / "evaluation.zip") as archive:
        digits = [Image.open(BytesIO(archive.read(name))) for name in archive.namelist()[:8]]
    for i, digit in enumerate(digits):
        digit.save(folder / f"{i}.png")
    digits[0].resize((640, 480)).convert("RGB").save(folder / "photo.jpg")
    digits[1].convert("RGBA").resize((31, 77)).save(folder / "clear.webp", lossless=True)
    return sorted(folder.iterdir())


def test_raw_and_multipart_answer_as_classify(
    http: httpx.Client, lenet_model: Path, pictures: list[Path], eyespot: Run
) -> None:
    done = eyespot("classify", lenet_model, *pictures, "--json", "--top", 10)
    assert done.returncode == 0, done.stderr
    spec = read_spec(lenet_model)
    for path, line in zip(pictures, done.stdout.splitlines(), strict=True):
        expected = {p["label"]: p["probability"] for p in json.loads(line)["predictions"]}
        raw = http.post("/v1/classify?top_k=10", content=path.read_bytes())
        form = http.post("/v1/classify?top_k=10", files={"file": (path.name, path.read_bytes())})
        for answer in (raw, form):
            assert answer.status_code == 200, answer.text
            assert (answer.json()["model"], answer.json()["version"]) == ("lenet-digits", spec.version)
            found = {p["label"]: p["probability"] for p in answer.json()["predictions"]}
            # The limit of the issue; it is the same code on the same file.
            assert found == pytest.approx(expected, rel=0, abs=1e-6)
            assert list(found) == list(expected)


def test_five_predictions_come_unless_asked_otherwise(http: httpx.Client) -> None:
    counts = [
        len(http.post(f"/v1/classify{query}", content=encode_png(99)).json()["predictions"])
        for query in ("", "?top_k=1", "?top_k=99")
    ]
    assert counts == [5, 1, 10]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_good(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


def test_metrics_count_each_answer_by_address_and_status(http: httpx.Client) -> None:
    def count(status: int) -> float:
        families = text_string_to_metric_families(http.get("/metrics").text)
        samples = [sample for family in families if family.type == "counter" for sample in family.samples]
        wanted = {"route": "/v1/classify", "status": str(status)}
        return sum(
            s.value for s in samples if s.name == "eyespot_requests_total" and wanted.items() <= s.labels.items()
        )

    before = {status: count(status) for status in (200, 415)}
    for body in (encode_png(1), encode_png(2), b"words", encode_png(3)):
        http.post("/v1/classify", content=body)
    assert {status: count(status) - before[status] for status in (200, 415)} == {200: 3, 415: 1}


def test_document_is_valid_and_all_its_paths_are_there(http: httpx.Client) -> None:
    document = http.get("/docs.json").json()
    openapi_spec_validator.validate(document)
    paths = {p.replace("{name}", "lenet-digits"): item for p, item in document["paths"].items() if "{version}" not in p}
    for path, operations in paths.items():
        for method in operations.keys() - {"parameters"}:
            assert http.request(method, path).status_code not in (404, 405), path


def test_page_and_all_it_loads_come_from_here(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text
    for path in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"./static_content/{path}" in page.text
        assert http.get(f"/static_content/{path}").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"", 400, "empty"), (b"words", 415, "not_an_image"), (encode_png(1)[:40], 422, "corrupt")],
    ids=["empty", "text", "cut short"],
)
def test_errors_are_json(http: httpx.Client, body: bytes, status: int, code: str) -> None:
    answer = http.post("/v1/classify", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json()["error"]["code"] == code


def test_a_body_past_the_limit_is_refused_declared_or_not(http: httpx.Client) -> None:
    """32 MiB and one byte, once with a length and once in pieces; the server may hang up on the rest."""
    large = b"x" * ((32 << 20) + 1)

    def pieces() -> Iterator[bytes]:
        for i in range(0, len(large), 1 << 20):
            yield large[i : i + (1 << 20)]

    for content in (large, pieces()):
        answer = http.post("/v1/classify", content=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert http.post("/v1/classify", content=encode_png(7)).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoy", "stop"),
    [
        pytest.param("raise RuntimeError('not this one')\n", signal.SIGTERM, id="packages, SIGTERM"),
        pytest.param(None, signal.SIGINT, id="plain folders, SIGINT"),
    ],
)
def test_folders_of_our_names_are_no_matter_and_a_signal_ends_it(
    tiny_model: Path, tmp_path: Path, decoy: str | None, stop: signal.Signals
) -> None:
    for name in EYESPOT_PACKAGES:
        (tmp_path / "here" / name).mkdir(parents=True)
        if decoy:
            (tmp_path / "here" / name / "__init__.py").write_text(decoy)
    with serve(tiny_model, tmp_path / "here", tmp_path / "log.txt") as (url, process):
        answer = httpx.post(f"{url}/v1/classify", content=encode_png(250))
        assert answer.json()["predictions"][0]["label"] == "bright"
        process.send_signal(stop)
        assert process.wait(STOP_S) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == sorted(EYESPOT_PACKAGES)
    log = (tmp_path / "log.txt").read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (entry,) = [line for line in lines if line.get("route") == "/v1/classify"]
    assert (entry["method"], entry["status"], entry["model"]) == ("POST", 200, "tiny")
    assert "Traceback" not in log
    assert "no effect" not in log  # of the port, which plain BentoML would not have heeded
    assert (tmp_path / "log.out").read_text() == ""  # standard output is for results
