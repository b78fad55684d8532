"""Say how a model is called, in commands and programs that can be copied as they stand.

The names in them are those of the very file; the tests take them out of a card and run them.
"""

import shlex

from edge.spec import Faces, Glyphs
from export.card.markup import text

PICTURE = "picture.png"

COMMAND_LINE = """eyespot verify {file}
eyespot classify {file} {picture} --top 3"""

HTTP = """eyespot serve {file}
curl --data-binary @{picture} 'http://127.0.0.1:3000/v1/classify?top_k=3'"""

PYTHON = """from edge import Classifier

classifier = Classifier.load({file!r})
best = classifier.classify({picture!r}).predictions[0]
print(best.label, best.probability)"""

PYTHON_REGIONS = """from edge import Classifier

classifier = Classifier.load({file!r})
answer = classifier.classify({picture!r})
for region in answer.regions:
    print(region.box, region.predictions[0].label, region.predictions[0].probability)
print(answer.text, answer.note)"""

WITHOUT_EYESPOT = """import json

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession({file!r})
labels = json.loads(session.get_modelmeta().custom_metadata_map["eyespot"])["labels"]
image = np.asarray(Image.open({picture!r}).convert("RGB"))
(probabilities,) = session.run(["probabilities"], {{"image": image[None]}})
print(labels[probabilities[0].argmax()], probabilities[0].max())"""


def show_calls(file: str, regions: Faces | Glyphs | None) -> str:
    """Return the ways to call the model file of this name, which classifies `regions`, as HTML."""
    # A name that begins with a dash would be taken for an option.
    file = f"./{file}" if file.startswith("-") else file
    quoted = shlex.quote(file)
    ways = (
        ("On the command line", "command-line", COMMAND_LINE.format(file=quoted, picture=PICTURE)),
        ("Over HTTP", "http", HTTP.format(file=quoted, picture=PICTURE)),
        ("From Python", "python", (PYTHON_REGIONS if regions else PYTHON).format(file=file, picture=PICTURE)),
        (
            f"From Python without eyespot{', one of the ' + regions.kind + ' cut out' if regions else ''}",
            "onnxruntime",
            WITHOUT_EYESPOT.format(file=file, picture=PICTURE),
        ),
    )
    return "\n".join(
        f'<h3>{title}</h3><pre id="{name}" tabindex="0"><code>{code_text(code)}</code></pre>'
        for title, name, code in ways
    )


def code_text(code: str) -> str:
    """Return code as HTML that keeps its lines."""
    return "\n".join(text(line) for line in code.split("\n"))
