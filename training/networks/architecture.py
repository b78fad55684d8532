"""What a network is built for: its input, its classes, the order of its axes, its initialiser."""

from dataclasses import dataclass
from typing import Literal

import keras
from keras import layers

from training.networks.initializers import DEFAULT_INITIALIZER, make_initializer


@dataclass(frozen=True)
class Architecture:
    """Height, width and channels of the picture, whatever the order in which a batch holds them.

    With `channels_last` a network takes float32 [N, height, width, channels], with `channels_first`
    [N, channels, height, width]; in both cases it gives probabilities [N, classes].
    """

    height: int
    width: int
    channels: int
    classes: int
    data_format: Literal["channels_last", "channels_first"] = "channels_last"
    initializer: str = DEFAULT_INITIALIZER

    @property
    def channel_axis(self) -> int:
        """The axis of a batch that the channels are on."""
        return -1 if self.data_format == "channels_last" else 1

    def input(self) -> keras.KerasTensor:
        """Return the input of a network."""
        last = (self.height, self.width, self.channels)
        return keras.Input(last if self.data_format == "channels_last" else (self.channels, self.height, self.width))

    def convolution(self, filters: int, size: int, **settings: object) -> layers.Layer:
        """Return a square convolution that keeps height and width, unless `settings` change that."""
        return layers.Conv2D(
            filters,
            size,
            data_format=self.data_format,
            kernel_initializer=make_initializer(self.initializer),
            **({"padding": "same"} | settings),
        )

    def pooling(self, size: int, **settings: object) -> layers.Layer:
        """Return a maximum over squares of `size`."""
        return layers.MaxPooling2D(size, data_format=self.data_format, **settings)

    def normalisation(self) -> layers.Layer:
        """Return a batch normalisation of each channel (S. Ioffe, C. Szegedy, Batch Normalization, 2015)."""
        return layers.BatchNormalization(axis=self.channel_axis)

    def dense(self, units: int, **settings: object) -> layers.Layer:
        """Return a fully connected layer."""
        return layers.Dense(units, kernel_initializer=make_initializer(self.initializer), **settings)
