"""The same network behind BentoML as its documentation shows: a service whose method takes a picture of Pillow.

Usage: python tests/benchmarks/http_bentoml.py MODEL PORT WORKERS
"""

import os
import sys
from pathlib import Path

import bentoml
import cv2
import numpy as np
from http_peers import SIDE, Network
from PIL import Image


@bentoml.service(workers=int(os.environ.get("PEER_WORKERS", "1")))
class Service:
    """One picture in, probabilities out."""

    def __init__(self) -> None:
        self.network = Network(os.environ["PEER_MODEL"], 0)

    @bentoml.api
    def classify(self, image: Image.Image) -> dict[str, list[float]]:
        pixels = np.asarray(image.convert("RGB"))
        small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return {"probabilities": self.network.run(small)}


if __name__ == "__main__":
    environment = {**os.environ, "PEER_MODEL": sys.argv[1], "PEER_WORKERS": sys.argv[3], "BENTOML_DO_NOT_TRACK": "True"}
    words = [sys.executable, "-m", "bentoml", "serve", "http_bentoml:Service", "--port", sys.argv[2]]
    os.chdir(Path(__file__).parent)
    os.execve(sys.executable, words, environment)
