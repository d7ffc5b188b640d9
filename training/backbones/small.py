"""Networks small enough to learn from nothing."""

from typing import Any

import keras

SMALL_CNN_STAGES = ("stem", "stage_1", "stage_2", "stage_3")
TINY_STAGES = ("tiny_0", "tiny_1", "tiny_2")


def build_small_cnn(size_px: int) -> keras.Model:
    """A stem and four residual stages; the last features are (n, size / 16, size / 16, 192).

    Groups are normalised, not batches: the same in training and in use, whatever the batch.
    """
    pixels = keras.Input((size_px, size_px, 3))
    x = _convolve(pixels, 24, stride=2, name="stem_conv")
    x = keras.layers.Activation("relu", name="stem")(x)
    for stage, channels in enumerate((48, 96, 144, 192), start=1):
        # The traces of generators are fine, so the last stage keeps its resolution.
        x = _stage(x, channels, stride=1 if stage == 4 else 2, name=f"stage_{stage}")
    return keras.Model(pixels, x)


def build_tiny(size_px: int) -> keras.Model:
    """Four convolutions: for tests, and as the least that can learn."""
    pixels = keras.Input((size_px, size_px, 3))
    features = pixels
    for number, channels in enumerate((8, 16, 24, 32)):
        layer = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu", name=f"tiny_{number}")
        features = layer(features)
    return keras.Model(pixels, features)


def _stage(x: Any, channels: int, *, stride: int, name: str) -> Any:
    x = _convolve(x, channels, stride=stride, name=f"{name}_enter")
    x = keras.layers.Activation("relu", name=f"{name}_enter_relu")(x)
    inner = _convolve(x, channels, stride=1, name=f"{name}_1")
    inner = keras.layers.Activation("relu", name=f"{name}_1_relu")(inner)
    inner = _convolve(inner, channels, stride=1, name=f"{name}_2")
    summed = keras.layers.Add(name=f"{name}_add")([x, inner])
    return keras.layers.Activation("relu", name=name)(summed)


def _convolve(x: Any, channels: int, *, stride: int, name: str) -> Any:
    layer = keras.layers.Conv2D(
        channels, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )
    return keras.layers.GroupNormalization(8, epsilon=1e-5, name=f"{name}_norm")(layer(x))
