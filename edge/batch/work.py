"""The work on one input: read, decode, classify. Whatever goes wrong with it ends up in its row."""

import time
from dataclasses import dataclass

from edge.answer import Answer
from edge.batch.content import Content, read_file
from edge.batch.inputs import Input
from edge.batch.row import Row
from edge.classifier import Classification, Classifier
from edge.decode import decode_image
from edge.errors import ImageError
from edge.fast_decode import decode_reduced


@dataclass(frozen=True)
class Work:
    """What is done to every input; it may be shared by any number of threads."""

    classifier: Classifier
    top_k: int
    max_pixels: int
    fast_decode: bool

    def __call__(self, item: Input) -> Row:
        """Return the row of one input. Raises nothing: one input's failure is one row."""
        started = time.perf_counter()
        content = item.content or read_file(item.path, self.max_pixels)
        classification, error = None, content.error
        try:
            if error is None:
                classification = self._classify(content)
        except ImageError as wrong:
            error = wrong
        except Exception as wrong:  # noqa: BLE001 # out of memory, a runtime's own error: the other inputs go on
            reason = (str(wrong) or "no reason given").splitlines()[0]
            error = ImageError("failed", f"{type(wrong).__name__}: {reason}")
        answer = Answer(item.path, classification, error)
        return Row(answer, content.sha256, content.size_bytes, time.perf_counter() - started)

    def _classify(self, content: Content) -> Classification:
        encoded = content.encoded or b""
        if self.fast_decode:
            decoded = decode_reduced(encoded, self.classifier.spec.preprocessing[0], self.max_pixels)
        else:
            decoded = decode_image(encoded, self.max_pixels)
        return self.classifier.classify(decoded, self.top_k)
