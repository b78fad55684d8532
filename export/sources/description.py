"""What a network from elsewhere does not say about itself: its labels and its preprocessing."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.errors import UsageError
from edge.spec import SPEC_FORMAT, ModelSpec
from edge.steps import Step
from export.preprocess.presets import GREY_PRESETS, PRESETS, preset_steps
from export.sources.source import Shape

EXAMPLE = (
    '[{"kind": "resize", "height": 224, "width": 224, "method": "antialias"}, '
    '{"kind": "scale", "factor": 0.003921568627}]'
)
# A line of Teachable Machine's labels.txt: number and label.
NUMBERED = re.compile(r"(\d+)[ \t]+(\S.*)")


@dataclass(frozen=True)
class Description:
    """Labels in the order of the network's outputs, and the name of a preset or the steps themselves.

    `size` (height, width) is for presets, and for networks that take any; None takes the network's own.
    """

    labels: tuple[str, ...]
    preprocessing: str | tuple[Step, ...]
    size: tuple[int, int] | None

    def spec(self, name: str, input_shape: Shape) -> ModelSpec:
        """Return the spec of a network with this input, without what export finds out. Raises UsageError."""
        steps = self.preprocessing
        if not isinstance(steps, str) and self.size:
            raise UsageError("--size is for presets; a file of steps says the size itself, in its resize")
        try:
            if isinstance(steps, str):
                steps = preset_steps(steps, *network_input(input_shape, self.size))
            return ModelSpec(SPEC_FORMAT, name, None, self.labels, steps, None, None, None, None, None)
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(f"this is no model that eyespot can hold: {error}") from None


def network_input(shape: Shape, size: tuple[int, int] | None) -> tuple[int, int, int, bool]:
    """Return height, width, channels and whether channels come first, of a network that takes [N, *`shape`].

    Raises UsageError where that is open, or is not what `size` says.
    """
    if len(shape) == 1:
        (length,) = shape
        if length is None:
            raise UsageError("the network takes rows of any length; write the steps into a file for --preprocessing")
        if size is None:
            raise UsageError("the network takes a row of numbers; say with --size HxW how large the pictures are")
        channels = length // (size[0] * size[1])
        if channels not in (1, 3) or size[0] * size[1] * channels != length:
            raise UsageError(
                f"the network takes {length} numbers, which is not {size[0]}x{size[1]} pixels, grey or in colour"
            )
        return *size, channels, False
    if len(shape) != 3:
        raise UsageError(f"the network must take pictures [N, height, width, channels]. Received: {['N', *shape]}")
    channels_first = shape[2] not in (1, 3) and shape[0] in (1, 3)
    height, width, depth = (shape[1], shape[2], shape[0]) if channels_first else shape
    if depth is None:
        raise UsageError("the network takes any number of channels; write the steps into a file for --preprocessing")
    if size is None and (height is None or width is None):
        raise UsageError("the network takes pictures of any size; say with --size HxW to which they are resized")
    own = (height or 0, width or 0)
    if size and any(a and a != b for a, b in zip(own, size, strict=True)):
        taken = " x ".join(str(side or "any") for side in own)
        raise UsageError(f"the network takes {taken}, --size says {size[0]} x {size[1]}; leave it out")
    return *(size or own), depth, channels_first


def read_labels(path: Path) -> tuple[str, ...]:
    """Return labels from a file: one a line, numbered (0 cat) or not, or JSON.

    JSON may be a list, or an object that maps labels to numbers (Keras's `class_indices`), numbers to labels, or has
    such an object under the key `id2label` (a config.json of Hugging Face). Raises UsageError for another form, and for
    a label that is blank or there twice.
    """
    text = _read(path, "--labels")
    if text.lstrip().startswith(("[", "{")):
        labels = _labels_of(text, path)
    else:
        labels = [line.strip() for line in text.rstrip().splitlines()]
        numbered = [NUMBERED.fullmatch(line) for line in labels]
        if all(match and int(match[1]) == i for i, match in enumerate(numbered)):
            labels = [match[2] for match in numbered if match]
    for i, label in enumerate(labels):
        if not label.strip():
            raise UsageError(f"{path}: label {i + 1} is blank")
        if (first := labels.index(label)) != i:
            raise UsageError(f"{path}: the label {label!r} is there twice, as number {first + 1} and {i + 1}")
    return tuple(labels)


def _labels_of(text: str, path: Path) -> list[str]:
    """Return the labels that JSON holds, in order."""
    try:
        value: object = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: --labels names a file that is not valid JSON ({error})") from None
    found = value.get("id2label", value) if isinstance(value, dict) else value
    if isinstance(found, dict):
        if all(isinstance(number, int) for number in found.values()):
            found = {str(number): label for label, number in found.items()}
        found = [found.get(str(i)) for i in range(len(found))]
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise UsageError(
            f"{path}: --labels must be one label a line, a JSON list of strings, or an object of labels and numbers "
            "from 0 up without a gap"
        )
    return found


def read_preprocessing(name: str) -> str | tuple[Step, ...]:
    """Return the name of a preset, or the steps in a JSON file. Raises UsageError if it is neither."""
    if name in PRESETS or name in GREY_PRESETS:
        return name
    path = Path(name)
    if not path.exists():
        raise UsageError(
            f"--preprocessing must be one of {', '.join(PRESETS)}, or a file of steps such as {EXAMPLE}. "
            f"Received: {name}"
        )
    text = _read(path, "--preprocessing")
    try:
        return msgspec.json.decode(text, type=tuple[Step, ...])
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}; an example: {EXAMPLE}") from None


def _read(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: {option} must name a text file in UTF-8") from None
    except FileNotFoundError:
        raise UsageError(f"{path}: {option} names a file that is not there") from None
