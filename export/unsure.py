"""How a variant does with the threshold that was chosen for its float32 network, below which the model is unsure.

It exists because rounding moves probabilities, and a file that answers less, or more boldly, should say so.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from export.graph.answers import answers
from export.quantize.gate import Examples


def describe_unsure(
    variant: onnx.ModelProto, network: onnx.ModelProto, judged_by: Examples, abstain_below: float, kind: str
) -> str:
    """Return a sentence on how many held-out images `variant` and `network` answer, and how many of these rightly."""
    ours, exact = (
        _describe(answers(model, judged_by.images), judged_by, abstain_below) for model in (variant, network)
    )
    return (
        f"below {abstain_below:.2%} the model is unsure, as was chosen for float32; of the held-out images {kind} "
        f"answers {ours}, float32 {exact}"
    )


def _describe(probabilities: NDArray[np.float32], examples: Examples, abstain_below: float) -> str:
    answered = probabilities.max(axis=1) >= abstain_below
    right = probabilities.argmax(axis=1) == examples.targets
    return f"{answered.mean():.2%}" + (f" ({right[answered].mean():.2%} of them rightly)" if answered.any() else "")
