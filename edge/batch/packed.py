"""A classifier as what travels to another process: the files it was loaded from and the options, to be loaded there."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge.classifier import Classifier
from edge.errors import ModelError
from edge.spec import Faces, Glyphs


@dataclass(frozen=True)
class PackedClassifier:
    """The contents of an artifact and of a face model, if there is one, and how answers are made of them.

    `version` is that of the artifact that was checked; a file that was replaced before it was read has another.
    """

    model: bytes
    version: str | None
    min_probability: float
    regions: Faces | Glyphs | None
    face_model: bytes | None

    def load(self) -> Classifier:
        """Return the classifier, one thread to an image. Raises ModelError, and as `Classifier.load` does."""
        with tempfile.TemporaryDirectory() as folder:
            path, face_model = Path(folder, "model.onnx"), Path(folder, "faces.onnx")
            path.write_bytes(self.model)
            if self.face_model is not None:
                face_model.write_bytes(self.face_model)
            classifier = Classifier.load(
                path,
                threads=1,
                many=True,
                min_probability=self.min_probability,
                regions=self.regions or "none",
                face_model=None if self.face_model is None else face_model,
            )
        if classifier.spec.version != self.version:
            raise ModelError("the model file was replaced while the run began; begin again")
        return classifier
