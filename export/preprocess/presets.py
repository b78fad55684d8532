"""Preprocessing by name: what the networks of keras.applications were trained with.

The colour steps are those of keras.applications.imagenet_utils.preprocess_input. All presets resize to the network's
input size with `antialias`, Pillow's BILINEAR, as ImageNet networks are trained and evaluated nearly everywhere.
(keras.utils.load_img takes the nearest pixel by default, which loses up to a point of accuracy.)
"""

from edge.errors import UsageError
from edge.steps import ChannelsFirst, Grey, Resize, ReverseChannels, Scale, Standardise, Step, SubtractMean

# Means and deviations of the channels over ImageNet: BGR in levels (Caffe), RGB in shares (torch).
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
TORCH_MEAN_RGB = (0.485, 0.456, 0.406)
TORCH_STD_RGB = (0.229, 0.224, 0.225)

PRESETS: dict[str, tuple[Step, ...]] = {
    "caffe": (ReverseChannels(), SubtractMean(CAFFE_MEAN_BGR)),
    "tf": (Scale(1 / 127.5), SubtractMean((1.0, 1.0, 1.0))),
    "torch": (Scale(1 / 255), Standardise(TORCH_MEAN_RGB, TORCH_STD_RGB)),
    "unit": (Scale(1 / 255),),
    "raw": (),
}
GREY_PRESETS: dict[str, tuple[Step, ...]] = {
    "tf": (Grey(), Scale(1 / 127.5), SubtractMean((1.0,))),
    "unit": (Grey(), Scale(1 / 255)),
    "raw": (Grey(),),
}
BY_CHANNELS = {3: PRESETS, 1: GREY_PRESETS}


def preset_steps(name: str, height: int, width: int, channels: int, channels_first: bool) -> tuple[Step, ...]:
    """Return the steps of a preset for a network that takes [N, height, width, channels], or channels first.

    Raises UsageError for a preset that is not defined for so many channels.
    """
    presets = BY_CHANNELS.get(channels, {})
    if name not in presets:
        fitting = ", ".join(presets) or "none; write the steps into a file"
        raise UsageError(f"there is no preset {name!r} for networks of {channels} channels. Fitting: {fitting}")
    last: tuple[Step, ...] = (ChannelsFirst(),) if channels_first else ()
    return (Resize(height, width, "antialias"), *presets[name], *last)
