"""`make demo`: photographs named by an ImageNet network, then a classifier of faces, in the folder demo/.

Every line that starts with $ is a command that you could type. All pictures are real and come with the package
scikit-image: a few photographs, and 200 cut-outs of 25 x 25 pixels, half of them faces (of Labeled Faces in the Wild).
"""

import json
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

FOLDER = Path("demo")
EYESPOT = str(Path(sys.executable).with_name("eyespot"))
READY_WITHIN_S = 60
PHOTOGRAPHS = ("chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg")
# The cut-outs: of either class so many to learn from, and the rest to be asked about.
A_CLASS, LEARNT_FROM, SIZE = 100, 30, (25, 25)
# Parts of photographs, made grey and small as the cut-outs are: left, upper, right and lower edge.
NEW = {
    "astronaut-face.png": ("astronaut.png", (185, 75, 265, 155)),
    "astronaut-flag.png": ("astronaut.png", (0, 0, 120, 120)),
    "cat-face.png": ("chelsea.png", (130, 30, 300, 200)),
    "coffee-cup.png": ("coffee.png", (180, 100, 380, 300)),
}

Answers = dict[str, dict[str, float]]


def main() -> None:
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    write_pictures(Path(str(find_spec("skimage").origin)).with_name("data"))  # type: ignore[union-attr]
    title("An ImageNet network, from weights to one file, names photographs")
    eyespot("pretrained efficientnet-lite0")
    eyespot("classify efficientnet-lite0.onnx photographs")
    title(f"A classifier of your own, of {LEARNT_FROM} pictures a class: is this a face?")
    eyespot("train cutouts --output runs/faces")
    eyespot("export runs/faces --output faces.onnx")
    eyespot("card faces.onnx --output faces.html")
    title(f"It is asked about {2 * (A_CLASS - LEARNT_FROM)} others")
    eyespot("batch faces.onnx others --labels-from-folders --summary --quiet --output others.jsonl")
    title("The same answers on the command line, from Python and over HTTP")
    names = sorted(NEW)
    rows = eyespot(f"classify faces.onnx {' '.join(f'new/{name}' for name in names)} --json", show_output=False)
    command_line = {name: read(json.loads(row)) for name, row in zip(names, rows.splitlines(), strict=True)}
    summarise({"command line": command_line, "Python": ask_python(names), "HTTP": ask_over_http(names)})
    print(f"\nIt took {time.monotonic() - started:.0f} s, without making the environment. Now look at")
    print("  demo/faces.html                          the model's card, in a browser")
    print("  demo/runs/faces/evaluation/              its report, confusion matrix and reliability, as pictures")
    print("  .venv-demo/bin/eyespot train FOLDER      photographs of yours, in one folder a class")


def write_pictures(source: Path) -> None:
    """Write the photographs, the cut-outs in one folder a class, and the new pictures."""
    for name in PHOTOGRAPHS:
        (FOLDER / "photographs").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, FOLDER / "photographs" / name)
    cutouts = (np.load(source / "lfw_subset.npy") * 255).round().astype(np.uint8)
    for i, pixels in enumerate(cutouts):
        folder = "cutouts" if i % A_CLASS < LEARNT_FROM else "others"
        path = FOLDER / folder / ("face" if i < A_CLASS else "other") / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (FOLDER / "new").mkdir()
    for name, (photograph, edges) in NEW.items():
        with Image.open(source / photograph) as image:
            image.convert("L").crop(edges).resize(SIZE).save(FOLDER / "new" / name)


def title(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def eyespot(arguments: str, show_output: bool = True) -> str:
    """Run one command in the demo's folder and return what it printed."""
    print(f"\n$ eyespot {arguments}", flush=True)
    command = [EYESPOT, *shlex.split(arguments)]
    done = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True, check=False)
    if show_output:
        print(done.stdout, end="", flush=True)
    if done.returncode:
        sys.exit(f"demo: 'eyespot {arguments}' ended with status {done.returncode}")
    return done.stdout


def read(answer: dict[str, Any]) -> dict[str, float]:
    """Return the probability of each label in one JSON answer."""
    return {prediction["label"]: prediction["probability"] for prediction in answer["predictions"]}


def ask_python(names: list[str]) -> Answers:
    print('\n>>> classifier = eyespot.Classifier.load("faces.onnx")')
    print(f'>>> classifier.classify("new/{names[0]}")')
    import eyespot

    classifier = eyespot.Classifier.load(FOLDER / "faces.onnx")
    found = {name: classifier.classify(FOLDER / "new" / name).predictions for name in names}
    print(f"{found[names[0]][0]} ...")
    return {name: {one.label: one.probability for one in predictions} for name, predictions in found.items()}


def ask_over_http(names: list[str]) -> Answers:
    """Start the service, send it every picture with curl, or httpx where there is none, and stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    print(f"\n$ eyespot serve faces.onnx --port {port} &", flush=True)
    url = f"http://127.0.0.1:{port}/v1/classify"
    with (FOLDER / "serve.log").open("w") as log:
        command = [EYESPOT, "serve", "faces.onnx", "--port", str(port)]
        server = subprocess.Popen(command, cwd=FOLDER, stdout=log, stderr=log)
        try:
            wait_until_ready(server, f"http://127.0.0.1:{port}/readyz")
            print(f"$ curl --data-binary @new/{names[0]} {url}")
            answers = {name: post(url, FOLDER / "new" / name) for name in names}
            print(json.dumps(answers[names[0]]))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    return {name: read(answer) for name, answer in answers.items()}


def wait_until_ready(server: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            httpx.get(url, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"demo: the service did not become ready; see {FOLDER / 'serve.log'}")


def post(url: str, image: Path) -> dict[str, Any]:
    if shutil.which("curl"):
        command = ["curl", "--silent", "--show-error", "--fail", "--data-binary", f"@{image}", url]
        content = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    else:
        content = httpx.post(url, content=image.read_bytes()).raise_for_status().content
    answer: dict[str, Any] = json.loads(content)
    return answer


def summarise(by_way: dict[str, Answers]) -> None:
    """Print the answers side by side, and how far they are apart."""
    print(f"\n{'picture':<20}" + "".join(f"{way:<22}" for way in by_way).rstrip())
    first = next(iter(by_way.values()))
    for name in first:
        best = {way: max(answers[name].items(), key=lambda pair: pair[1]) for way, answers in by_way.items()}
        print(f"{name:<20}" + "".join(f"{label:<9}{share:<13.6f}" for label, share in best.values()).rstrip())
    apart = max(
        abs(answers[name][label] - share)
        for answers in by_way.values()
        for name, shares in first.items()
        for label, share in shares.items()
    )
    print(f"largest difference of a probability: {apart:.1e}")


if __name__ == "__main__":
    main()
