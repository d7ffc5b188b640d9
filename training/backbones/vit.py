"""A small vision transformer (Dosovitskiy et al., ICLR 2021), out of stock layers: a bundle needs no code of ours.

Without a class token: the last tokens lie in the grid of their patches, so that a head sees places as it does in a
convolutional network.
"""

from typing import Any

import keras

PATCH_PX = 16
WIDTH = 192
HEADS = 3
DEPTH = 8
STAGES = ("tokens", "block_2", "block_4", "block_6")


def build_vit(size_px: int) -> keras.Model:
    """Eight blocks over patches of 16 pixels; the last features are (n, size / 16, size / 16, 192)."""
    side = size_px // PATCH_PX
    pixels = keras.Input((size_px, size_px, 3))
    x = keras.layers.Conv2D(WIDTH, PATCH_PX, strides=PATCH_PX, use_bias=False, name="patches")(pixels)
    x = keras.layers.Reshape((side * side, WIDTH), name="grid_to_tokens")(x)
    x = _with_places(x, side * side)
    for number in range(1, DEPTH + 1):
        x = _block(x, f"block_{number}")
    x = keras.layers.LayerNormalization(epsilon=1e-6, name="last_norm")(x)
    return keras.Model(pixels, keras.layers.Reshape((side, side, WIDTH), name="tokens_to_grid")(x))


def _with_places(x: Any, count: int) -> Any:
    """Adds what is learnt of each place: the bias of a dense layer whose bias differs from token to token."""
    places = keras.layers.EinsumDense(
        "ntc,cd->ntd",
        output_shape=(count, WIDTH),
        bias_axes="td",
        kernel_initializer=keras.initializers.Identity(),
        bias_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        name="tokens",
    )
    return places(x)


def _block(x: Any, name: str) -> Any:
    normed = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_1")(x)
    attention = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"{name}_attention")
    x = keras.layers.Add(name=f"{name}_add")([x, attention(normed, normed)])
    normed = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_2")(x)
    wide = keras.layers.Dense(4 * WIDTH, activation="gelu", name=f"{name}_dense_1")(normed)
    narrow = keras.layers.Dense(WIDTH, name=f"{name}_dense_2")(wide)
    return keras.layers.Add(name=name)([x, narrow])
