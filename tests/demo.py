"""`make demo`: from nothing to an answer over HTTP, with the commands of the README, in the folder demo/.

Every line that starts with $ is a command that you could type. The summary at the end is read from what
those commands wrote and answered.
"""

import json
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

FOLDER = Path("demo")
EYESPOT = str(Path(sys.executable).with_name("eyespot"))
SHOWN_IMAGES = 6
READY_WITHIN_S = 60


def main() -> None:
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    eyespot("train lenet --dataset digits --output lenet-digits")
    eyespot("export lenet-digits --output lenet-digits.onnx")
    eyespot("verify lenet-digits.onnx")
    images = write_images(FOLDER / "images")
    eyespot("classify lenet-digits.onnx images")
    edge = [json.loads(line) for line in eyespot("classify lenet-digits.onnx images --json", show=False).splitlines()]
    http = ask_over_http(images)
    summarise(edge, http, time.monotonic() - started)


def eyespot(arguments: str, show: bool = True) -> str:
    """Run one command in the demo's folder; what it prints is shown and returned."""
    if show:
        print(f"\n$ eyespot {arguments}", flush=True)
    done = subprocess.run(
        [EYESPOT, *shlex.split(arguments)], cwd=FOLDER, stdout=subprocess.PIPE, text=True, check=False
    )
    if show:
        print(done.stdout, end="", flush=True)
    if done.returncode:
        sys.exit(f"demo: 'eyespot {arguments}' ended with status {done.returncode}")
    return done.stdout


def write_images(folder: Path) -> list[Path]:
    """Write the first test digits of the run, which the network has not seen, one of each class at most."""
    folder.mkdir()
    written: dict[str, Path] = {}
    with zipfile.ZipFile(FOLDER / "lenet-digits" / "evaluation.zip") as archive:
        for name in archive.namelist():
            label = name.partition("/")[0]
            if label not in written and len(written) < SHOWN_IMAGES:
                written[label] = folder / f"a_{label}_{Path(name).name}"
                written[label].write_bytes(archive.read(name))
    return sorted(written.values())


def ask_over_http(images: list[Path]) -> list[dict[str, Any]]:
    """Start the service, post every image once it is ready, and stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    print(f"\n$ eyespot serve lenet-digits.onnx --port {port}", flush=True)
    with (FOLDER / "serve.log").open("w") as log:
        command = [EYESPOT, "serve", "lenet-digits.onnx", "--port", str(port)]
        server = subprocess.Popen(command, cwd=FOLDER, stdout=log, stderr=log)
        try:
            wait_until_ready(server, f"http://127.0.0.1:{port}/readyz")
            url = f"http://127.0.0.1:{port}/v1/classify?top_k=3"
            print(f"$ curl --data-binary @{images[0].relative_to(FOLDER)} '{url}'")
            answers = [post(url, image) for image in images]
            print(json.dumps(answers[0]))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    return answers


def wait_until_ready(server: "subprocess.Popen[bytes]", url: str) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            pause.wait(0.2)
        else:
            return
    sys.exit(f"demo: the service did not become ready; see {FOLDER / 'serve.log'}")


def post(url: str, image: Path) -> dict[str, Any]:
    request = urllib.request.Request(url, image.read_bytes(), {"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def summarise(edge: list[dict[str, Any]], http: list[dict[str, Any]], seconds: float) -> None:
    spec = json.loads(eyespot("info lenet-digits.onnx --json", show=False))
    training, parity = spec["training"], spec["parity"]
    print("\nSummary")
    print(f"  accuracy  {training['held_out_accuracy']:.2%} of {training['held_out_images']} test digits")
    print(f"  parity    largest difference between Keras and the file {parity['largest_difference']:.1e},")
    print(f"            same best label on {parity['top1_agreement']:.2%} of {parity['comparisons']} comparisons")
    print(f"  {'image':<22} {'edge':<15} HTTP")
    for row, answer in zip(edge, http, strict=True):
        cells = (f"{p['label']}  {p['probability']:.6f}" for p in (row["predictions"][0], answer["predictions"][0]))
        print(f"  {Path(row['path']).name:<22} {'  '.join(f'{cell:<14}' for cell in cells)}".rstrip())
    print(f"  took      {seconds:.0f} s, without making the environment")
    print("\nTry next")
    print("  . .venv/bin/activate && cd demo")
    print("  eyespot classify lenet-digits.onnx images --top 1 --json")
    print("  eyespot train FOLDER     with one folder of your photographs for each class")
    print("  look at lenet-digits/history.png and lenet-digits/evaluation/confusion.png")


if __name__ == "__main__":
    main()
