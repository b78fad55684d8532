"""Make the pictures of the README and the documentation from what the commands print: `make pictures`.

Needs Chromium, and `make test-arm64` once for the emulated Raspberry Pi.
"""

# ruff: noqa: S603 - the programs that it starts are eyespot, curl and Chromium

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
import skimage
from PIL import Image

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
TEMPLATES = DOCS / "templates"
MODEL = "efficientnet-lite0"
SCALE = 1.5
DATA = Path(skimage.__file__).parent / "data"
# The photographs that pieces are cut from, one for each class.
CLASSES = {"cat": "chelsea.png", "coffee": "coffee.png", "motorcycle": "motorcycle_left.png"}
PIECE_PX, PIECES = 60, 30


def make_photographs(folder: Path) -> None:
    """Write what the commands of the pages ask about, all of it out of scikit-image's photographs.

    `photos/LABEL/*.jpg` are 30 pieces each of three photographs, none of which overlap, and `more/LABEL/*.jpg` up to 30
    others. `cat.jpg`, `coffee.jpg` and `new.jpg` (the motorcycle from one step to the right) are whole. `video.avi`
    shows the first two for three seconds each.
    """
    for label, name in CLASSES.items():
        picture = Image.open(DATA / name).convert("RGB")
        corners = [
            (left, top)
            for top in range(0, picture.height - PIECE_PX + 1, PIECE_PX)
            for left in range(0, picture.width - PIECE_PX + 1, PIECE_PX)
        ]
        chosen = [corners[number * len(corners) // PIECES] for number in range(PIECES)]
        others = [corner for corner in corners if corner not in chosen]
        for part, pieces in (("photos", chosen), ("more", others[:PIECES])):
            (folder / part / label).mkdir(parents=True)
            for number, (left, top) in enumerate(pieces, 1):
                piece = picture.crop((left, top, left + PIECE_PX, top + PIECE_PX))
                piece.save(folder / part / label / f"{label}-{number:02}.jpg", quality=90)
    for source, name in (("chelsea", "cat"), ("coffee", "coffee"), ("motorcycle_right", "new")):
        Image.open(DATA / f"{source}.png").convert("RGB").save(folder / f"{name}.jpg", quality=92)
    video = cv2.VideoWriter(str(folder / "video.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (480, 320))
    for name in ("cat", "coffee"):
        picture = Image.open(folder / f"{name}.jpg").resize((540, 360))
        for frame in range(30):
            video.write(np.asarray(picture.crop((2 * frame, frame, 2 * frame + 480, frame + 320)))[..., ::-1].copy())
    video.release()


def main() -> None:
    """Make all pictures, in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_photographs(folder)
        eyespot(folder, "pretrained", MODEL)
        eyespot(folder, "train", "photos", "--output", "runs/photos")
        eyespot(folder, "export", "runs/photos", "--output", "photos.onnx")
        draw_hero(folder)
        draw_resizers(folder)
        draw_watch(folder)
        draw_pages(folder)
        draw_served_pages(folder)
    for picture in sorted(IMAGES.glob("*.png")):
        print(f"{picture.name}: {picture.stat().st_size:,} bytes")


def eyespot(folder: Path, *arguments: str) -> str:
    """Run one command in `folder` and return what it printed."""
    command = [str(Path(sys.executable).with_name("eyespot")), *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def draw_hero(folder: Path) -> None:
    """The photograph of the cat through Keras, the service and an emulated Pi: one sheet."""
    model, picture, many = f"{MODEL}.onnx", "cat.jpg", "1000"
    with serving(folder, model) as address:
        command = ["curl", "-sS", "--data-binary", f"@{picture}", f"{address}/v1/classify?top_k={many}"]
        http = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
    pi = json.loads(classify_on_pi(folder / model, folder / picture, many))
    answers = {
        "Keras": (keras_answer(folder / model, folder / picture), "model.predict(...)"),
        "HTTP service": (probabilities(http), "POST /v1/classify"),
        "Raspberry Pi 4*": (probabilities(pi), "eyespot classify"),
    }
    keras = answers["Keras"][0]
    difference = max(abs(keras[label] - found[label]) for found, _ in answers.values() for label in keras)
    places = [
        {"title": title, "command": command, "answers": best(found, 4)} for title, (found, command) in answers.items()
    ]
    note = f"{difference:.0e}. * emulated: Cortex-A72, arm64 packages, no TensorFlow"
    render("hero", folder, places=places, difference=note)


def draw_resizers(folder: Path) -> None:
    """The rocket shrunk by four libraries, and what the network of the model file says of each: one sheet."""
    import keras
    import tensorflow as tf

    shutil.copy(DATA / "rocket.jpg", folder)
    picture = Image.open(folder / "rocket.jpg")
    pixels = np.asarray(picture)
    height, width = 256, round(256 * picture.width / picture.height)
    nearest = keras.utils.load_img(folder / "rocket.jpg", target_size=(height, width))
    shrunk = {
        ("OpenCV", "INTER_AREA"): cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA),
        ("Pillow", "BILINEAR"): np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)),
        ("TensorFlow", "tf.image.resize"): np.rint(tf.image.resize(pixels, (height, width))).astype(np.uint8),
        ("Keras", "load_img"): np.asarray(nearest),
    }
    left, top, side = 150, 60, 72
    resizers = []
    for number, ((title, call), found) in enumerate(shrunk.items()):
        name = f"resized-{number}.png"
        Image.fromarray(found[top : top + side, left : left + side]).save(folder / name)
        answer = best(network_answer(folder / f"{MODEL}.onnx", found))
        resizers.append({"title": title, "call": call, "picture": name, "answers": answer})
    frame = {
        "left": 100 * left / width,
        "top": 100 * top / height,
        "width": 100 * side / width,
        "height": 100 * side / height,
    }
    render("resizers", folder, resizers=resizers, frame=frame, width=picture.width, height=picture.height)


def draw_watch(folder: Path) -> None:
    """A frame of the video that `watch` recorded."""
    eyespot(folder, "watch", f"{MODEL}.onnx", "video.avi", "--record", "annotated.avi")
    video = cv2.VideoCapture(str(folder / "annotated.avi"))
    video.set(cv2.CAP_PROP_POS_FRAMES, 20)
    found, frame = video.read()
    if not found:
        sys.exit("the recording holds no frame 20")
    save(Image.fromarray(frame[..., ::-1]), "watch")


def draw_pages(folder: Path) -> None:
    """What the commands write as pages and pictures: the report, the card, what `evaluate` draws, the layers."""
    report = ("--report", "report.html", "--labels-from-folders", "--quiet")
    eyespot(folder, "batch", "photos.onnx", "more", "--output", "results.csv", *report)
    photograph(folder / "report.html", "report", 1000, 650)
    eyespot(folder, "card", "photos.onnx", "--output", "card.html")
    photograph(folder / "card.html", "card", 1000, 1000)
    for name in ("confusion", "reliability", "mistakes"):
        save(Image.open(folder / "runs" / "photos" / "evaluation" / f"{name}.png"), name)
    eyespot(folder, "architecture", "lenet", "--output", "lenet.png")
    save(Image.open(folder / "lenet.png"), "architecture")


def draw_served_pages(folder: Path) -> None:
    """The playground with an answer, and the page of `annotate`."""
    from tests.serving.chromium import chromium

    profile = folder / "chromium"
    profile.mkdir()
    with chromium(profile) as page:
        with serving(folder, "photos.onnx") as address:
            page.open(f"{address}/playground")
            page.wait_for("document.getElementById('model').length > 0")
            page.choose_files("#files", folder / "new.jpg")
            page.wait_for("document.querySelectorAll('#results li').length > 0")
            save(captured(page), "playground")
        (folder / "new").mkdir()
        for name in ("cat", "coffee", "new"):
            shutil.copy(folder / f"{name}.jpg", folder / "new")
        labels = ("--labels", "cat,coffee,motorcycle", "--output", "labelled")
        with serving(folder, "new", *labels, command="annotate") as address:
            page.open(f"{address}/")
            page.wait_for("[...document.images].some(image => image.naturalWidth > 0)")
            save(captured(page), "annotate")


@contextmanager
def serving(folder: Path, *arguments: str, command: str = "serve") -> Iterator[str]:
    """Start a command that serves pages, on a free port, and yield its address once it answers."""
    import httpx

    from tests.pages import free_port
    from tests.waiting import until

    port = free_port()
    program = [str(Path(sys.executable).with_name("eyespot")), command, *arguments, "--port", str(port)]
    process = subprocess.Popen(program, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/readyz" if command == "serve" else address).is_success
        except httpx.TransportError:
            return False

    try:
        until(answers)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def classify_on_pi(model: Path, picture: Path, top: str) -> str:
    """Return what `eyespot classify --json` prints on the emulated Raspberry Pi."""
    from tests.arm64.device import Pi
    from tests.arm64.processor import PI_CORES, describe_processor
    from tests.arm64.root import ROOTS, find_emulator, name_of_root

    made = ROOTS / name_of_root()
    describe_processor(made / "system", min(PI_CORES, len(os.sched_getaffinity(0))))
    with tempfile.TemporaryDirectory() as code:
        (Path(code) / "edge").symlink_to(DOCS.parent / "edge")
        done = Pi(made, find_emulator(), Path(code)).eyespot("classify", model, picture, "--json", "--top-k", top)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def keras_answer(model: Path, picture: Path) -> dict[str, float]:
    """Return what the network itself says in Keras, of arrays from the preprocessing that the file holds."""
    import onnxruntime

    from edge.model import read_spec
    from export.preprocess import build_preprocessing
    from training.backbones import find_backbone

    spec = read_spec(model)
    graph = build_preprocessing(spec.preprocessing).SerializeToString()
    image = np.asarray(Image.open(picture).convert("RGB"))[None]
    (arrays,) = onnxruntime.InferenceSession(graph).run(None, {"image": image})
    found = find_backbone(MODEL).classifier().predict(arrays, verbose=0)[0]
    return dict(zip(spec.labels, map(float, found), strict=True))


def network_answer(model: Path, resized: Any) -> dict[str, float]:
    """Return what the network in the file says of the middle of a picture that is resized already."""
    import onnx
    import onnxruntime

    from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME, read_spec
    from export.preprocess import build_preprocessing

    spec = read_spec(model)
    network = model.with_name("network.onnx")
    onnx.utils.extract_model(str(model), str(network), [NETWORK_INPUT_NAME], [OUTPUT_NAME])
    rest = build_preprocessing(spec.preprocessing[1:]).SerializeToString()
    (arrays,) = onnxruntime.InferenceSession(rest).run(None, {"image": resized[None]})
    (found,) = onnxruntime.InferenceSession(network).run(None, {NETWORK_INPUT_NAME: arrays})
    return dict(zip(spec.labels, map(float, found[0]), strict=True))


def probabilities(answer: dict[str, Any]) -> dict[str, float]:
    """Return the labels and probabilities of an answer as JSON."""
    return {prediction["label"]: prediction["probability"] for prediction in answer["predictions"]}


def best(found: dict[str, float], count: int = 3) -> list[tuple[str, float]]:
    """Return the labels with the largest probabilities, the largest first."""
    return sorted(found.items(), key=lambda item: -item[1])[:count]


def render(name: str, folder: Path, **values: Any) -> None:
    """Fill a template in `folder`, beside the pictures that it shows, and photograph the sheet."""
    loader = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    (folder / f"{name}.html").write_text(loader.get_template(f"{name}.html").render(values), encoding="utf-8")
    shutil.copy(TEMPLATES / "style.css", folder)
    photograph(folder / f"{name}.html", name, 960, 700, cut=True)


def photograph(page: Path, name: str, width: int, height: int, cut: bool = False) -> None:
    """Write what Chromium shows of a page; with `cut` without the empty, transparent rest of the window."""
    shot = page.with_suffix(".shot.png")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={shot}"]
    size = [f"--window-size={width},{height}", f"--force-device-scale-factor={SCALE}"]
    background = ["--default-background-color=00000000"] if cut else []
    command = [chromium, *options, *size, *background, page.as_uri()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    picture = Image.open(shot)
    save(picture.crop(picture.getbbox()) if cut else picture, name)


def captured(page: Any) -> Image.Image:
    """Return what a tab shows."""
    page.call("Emulation.setScrollbarsHidden", hidden=True)
    page.call("Emulation.setDeviceMetricsOverride", width=900, height=620, deviceScaleFactor=1, mobile=False)
    return Image.open(BytesIO(base64.b64decode(page.call("Page.captureScreenshot")["data"])))


def save(picture: Image.Image, name: str) -> None:
    """Write a picture into `docs/images`, in 256 colours."""
    IMAGES.mkdir(exist_ok=True)
    colours = picture.convert("RGB")
    palette = colours.quantize(256, Image.Quantize.MEDIANCUT)
    colours.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
