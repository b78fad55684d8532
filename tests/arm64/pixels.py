"""Run here and on the Pi alike: decode every picture of a folder, prepare it with every graph of another.

python pixels.py GRAPHS PICTURES OUTPUT.npz
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

from edge.image import read_image


def pixels_of(graphs: Path, pictures: Path) -> dict[str, np.ndarray]:
    """Return the pixels of each picture under its name, and what each graph makes of them under both names."""
    found = {path.name: read_image(path).pixels for path in sorted(pictures.iterdir())}
    prepared = {}
    for path in sorted(graphs.iterdir()):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for name, pixels in found.items():
            prepared[f"{path.stem} {name}"] = session.run(["network_input"], {"image": pixels[None]})[0]
    return found | prepared


if __name__ == "__main__":
    np.savez(sys.argv[3], **pixels_of(Path(sys.argv[1]), Path(sys.argv[2])))
