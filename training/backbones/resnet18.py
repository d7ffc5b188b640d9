"""ResNet18 (He et al., CVPR 2016), with torchvision's padding and epsilon, so that its values can be carried over."""

from typing import Any

import keras

STAGES = ("stem_pool", "stage_1_block_2", "stage_2_block_2", "stage_3_block_2")
EPSILON = 1e-5


def build_resnet18(size_px: int) -> keras.Model:
    """Four stages of two blocks; the last features are (n, size / 32, size / 32, 512)."""
    pixels = keras.Input((size_px, size_px, 3))
    x = _convolve(pixels, 64, kernel=7, stride=2, name="stem")
    x = keras.layers.Activation("relu", name="stem_relu")(x)
    # Zeros are as good as minus infinity here, since nothing is below zero after the activation.
    x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, channels in enumerate((64, 128, 256, 512), start=1):
        for block in (1, 2):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _block(x, channels, stride=stride, name=f"stage_{stage}_block_{block}")
    return keras.Model(pixels, x)


def _block(x: Any, channels: int, *, stride: int, name: str) -> Any:
    shortcut = x
    if stride != 1 or x.shape[-1] != channels:
        shortcut = _convolve(x, channels, kernel=1, stride=stride, name=f"{name}_shortcut")
    x = _convolve(x, channels, kernel=3, stride=stride, name=f"{name}_1")
    x = keras.layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = _convolve(x, channels, kernel=3, stride=1, name=f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.Activation("relu", name=name)(x)


def _convolve(x: Any, channels: int, *, kernel: int, stride: int, name: str) -> Any:
    """Convolution and batch normalisation; padded alike on all sides, where "same" would pad below and right."""
    if kernel > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    layer = keras.layers.Conv2D(
        channels, kernel, strides=stride, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )
    return keras.layers.BatchNormalization(epsilon=EPSILON, momentum=0.9, name=f"{name}_bn")(layer(x))
