"""Networks small enough to learn from nothing."""

import keras

TINY_STAGES = ("tiny_0", "tiny_1", "tiny_2")


def build_tiny(size_px: int) -> keras.Model:
    """Four convolutions: for tests, and as the least that can learn."""
    pixels = keras.Input((size_px, size_px, 3))
    features = pixels
    for number, channels in enumerate((8, 16, 24, 32)):
        layer = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu", name=f"tiny_{number}")
        features = layer(features)
    return keras.Model(pixels, features)
