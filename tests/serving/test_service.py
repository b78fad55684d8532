"""A real server: the answers of the edge over HTTP, BentoML's client, slow and greedy clients, and a clean end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from edge.classifier import Classifier
from edge.model import read_spec
from tests.conftest import Run, tiny_probabilities
from tests.serving.conftest import STOP_S, encode_png, find_free_port, serve
from tests.waiting import LIMIT_S, until

pytestmark = pytest.mark.slow

EYESPOT_PACKAGES = ("edge", "export", "training", "serving")


@pytest.fixture(scope="module")
def model(tiny_content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(tiny_content)
    return path


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The address of a server, and its process."""
    folder = tmp_path_factory.mktemp("serve")
    with serve(model, folder, folder / "log.txt") as (url, process):
        yield url, process.pid


@pytest.fixture
def http(server: tuple[str, int]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server[0]) as client:
        yield client


def test_raw_and_multipart_answer_as_classify(http: httpx.Client, model: Path, tmp_path: Path, eyespot: Run) -> None:
    chance = np.random.default_rng(0)
    for i, suffix in enumerate((".png", ".jpg", ".webp")):
        Image.fromarray(chance.integers(0, 256, (40 + i, 60, 3), np.uint8)).save(tmp_path / f"{i}{suffix}")
    pictures = sorted(tmp_path.iterdir())
    done = eyespot("classify", model, *pictures, "--json")
    assert done.returncode == 0, done.stderr
    for path, line in zip(pictures, done.stdout.splitlines(), strict=True):
        expected = {p["label"]: p["probability"] for p in json.loads(line)["predictions"]}
        raw = http.post("/v1/classify", content=path.read_bytes())
        form = http.post("/v1/classify", files={"picture": (path.name, path.read_bytes())})
        for answer in (raw, form):
            assert (answer.json()["model"], answer.json()["version"]) == ("tiny", read_spec(model).version)
            found = {p["label"]: p["probability"] for p in answer.json()["predictions"]}
            assert found == pytest.approx(expected, rel=0, abs=1e-6)  # and as many of them: one default of top_k


BENTOML_CLIENT = """
import json, sys, bentoml, numpy as np
pixels = np.load(sys.argv[2])
with bentoml.SyncHTTPClient(sys.argv[1]) as client:
    print(json.dumps(client.classify_pixels(images=pixels, top_k=2, min_probability=1.0)))
    try:
        client.classify_pixels(images=pixels[0])
    except bentoml.exceptions.InvalidArgument as error:
        print(error)
"""


def test_bentomls_own_client_classifies_arrays_of_pixels(server: tuple[str, int], model: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 7, 9, 3), np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    command = [sys.executable, "-c", BENTOML_CLIENT, server[0], str(tmp_path / "pixels.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found, refused = done.stdout.splitlines()
    classifier = Classifier.load(model, min_probability=1.0)
    for answer, picture in zip(json.loads(found), pixels, strict=True):
        expected = classifier.classify(picture, 2)
        assert answer["unsure"] is expected.unsure is True
        assert [p["label"] for p in answer["predictions"]] == [p.label for p in expected.predictions]
    assert "[N, H, W, 3]" in refused


def test_page_document_and_all_they_load_come_from_here(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert 'href="./playground"' in page.text
    for path in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"./static_content/{path}" in page.text
        assert http.get(f"/static_content/{path}").status_code == 200
    assert http.get("/docs.json").json()["info"]["title"] == "eyespot"
    assert http.get("/schema.json").json()["name"] == "eyespot"
    missing = http.get("/nowhere")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


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


NGINX = Path("/usr/sbin/nginx")
PROXY = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {}
http {
  access_log off; client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
  server { listen 127.0.0.1:%d; location /eyes/ { proxy_pass %s/; } }
}
"""


@pytest.mark.skipif(not NGINX.exists() and os.environ.get("CI") != "true", reason="there is no nginx here")
def test_nginx_in_front_may_serve_it_under_a_path_of_its_own(server: tuple[str, int], tmp_path: Path) -> None:
    port = find_free_port()
    (tmp_path / "nginx.conf").write_text(PROXY % (port, server[0]))
    command = [str(NGINX), "-e", "error.log", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    with subprocess.Popen(command) as proxy, httpx.Client(base_url=f"http://127.0.0.1:{port}/eyes/") as http:
        try:
            until(lambda: accepts(port))
            document = http.get("docs.json").json()
            base = http.base_url.join(document["servers"][0]["url"])
            for path in ("./docs.json", "./playground", "./static_content/swagger-ui.css", "v1/models"):
                assert http.get(path).status_code == 200, path
            answer = http.post(base.join("v1/classify"), content=encode_png(250))
            assert answer.json()["predictions"][0]["label"] == "bright"
        finally:
            proxy.terminate()


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), LIMIT_S)


def test_curl_may_wait_for_100_continue(server: tuple[str, int]) -> None:
    body = encode_png(250)
    head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    with connect(server[0]) as client:
        client.sendall(head.encode())
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("line", [b"x" * 1000, b"x" * 900_000], ids=["many lines", "one line"])
def test_endless_headers_are_refused_and_stall_nobody(server: tuple[str, int], http: httpx.Client, line: bytes) -> None:
    before = psutil.Process(server[1]).memory_info().rss
    answer = b""
    with connect(server[0]) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        try:
            for i in range(1000):
                client.sendall(b"X-%d: " % i + line + b"\r\n")
        except OSError:  # it hung up
            pass
        else:
            answer = client.recv(1 << 16)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"431")
    began = time.monotonic()
    assert http.get("/livez").status_code == 200
    assert time.monotonic() - began < 5
    assert psutil.Process(server[1]).memory_info().rss - before < 20 << 20


def test_small_files_of_large_pictures_share_a_budget_and_it_is_given_back(tmp_path: Path, model: Path) -> None:
    """Twelve PNGs of 25 megapixels: four threads side by side would take 2.4 GB."""
    encoded = bytes(cv2.imencode(".png", np.zeros((5000, 5000, 3), np.uint8))[1])
    options = ["--threads", "4", "--max-memory-bytes", str(1200 << 20)]
    with serve(model, tmp_path, tmp_path / "log.txt", *options) as (url, process):
        server = psutil.Process(process.pid)
        httpx.post(f"{url}/v1/classify", content=encode_png(9))
        before = server.memory_info().rss
        files = [("files", encoded)] * 12
        assert httpx.post(f"{url}/v1/classify", files=files, timeout=120).status_code == 200
        with (Path("/proc") / str(process.pid) / "status").open() as status:
            peak = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))
        assert peak - before < 700 << 20
        assert server.memory_info().rss - before < 250 << 20


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_folders_of_our_names_are_no_matter_and_a_signal_ends_it(
    tiny_model: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    for name in EYESPOT_PACKAGES:
        (tmp_path / "here" / name).mkdir(parents=True)
        (tmp_path / "here" / name / "__init__.py").write_text("raise RuntimeError('not this one')\n")
    with serve(tiny_model, tmp_path / "here", tmp_path / "log.txt") as (url, process):
        answer = httpx.post(f"{url}/v1/classify", content=encode_png(250))
        assert answer.json()["predictions"][0]["label"] == "bright"
        process.send_signal(stop)
        assert process.wait(STOP_S) == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == sorted(EYESPOT_PACKAGES)
    log = (tmp_path / "log.txt").read_text()
    lines = [json.loads(line) for line in log.splitlines() if not line.startswith("eyespot: on http://")]
    (entry,) = [line for line in lines if line.get("route") == "/v1/classify"]
    assert (entry["method"], entry["status"], entry["model"]) == ("POST", 200, "tiny")
    assert "Traceback" not in log
    assert (tmp_path / "log.out").read_text() == ""  # standard output is for results


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_drain_answers_what_is_in_flight_and_refuses_the_rest(tiny_model: Path, tmp_path: Path, workers: str) -> None:
    body = encode_png(250)
    head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with serve(tiny_model, tmp_path, tmp_path / "log.txt", "--workers", workers) as (url, process):
        with connect(url) as half:
            half.sendall(head + body[:20])
            time.sleep(0.5)  # it has arrived
            process.send_signal(signal.SIGTERM)

            def is_refused() -> bool:
                try:
                    connect(url).close()
                except ConnectionRefusedError:
                    return True
                return False

            until(is_refused)
            half.sendall(body[20:])
            answer = half.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 200")
        assert process.wait(STOP_S) == 0


def test_it_reports_nothing_to_anybody(model: Path, tmp_path: Path) -> None:
    """onnxruntime would, where the variable `CI` is not set: no socket but the listener's and the client's."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    code = "import edge, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert found.stdout == "1\n"
    with serve(model, tmp_path, tmp_path / "log.txt") as (url, process):
        assert httpx.post(f"{url}/v1/classify", content=encode_png(250)).status_code == 200
        connections = psutil.Process(process.pid).net_connections()
        assert {c.raddr.ip for c in connections if c.raddr} <= {"127.0.0.1"}
        np.testing.assert_allclose(tiny_probabilities(250).sum(), 1)
