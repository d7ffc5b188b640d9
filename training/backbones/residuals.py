"""A second branch beside a backbone: what is left of a picture when its content is predicted away.

Fixed high-pass kernels of the spatial rich model (Fridrich & Kodovsky, "Rich Models for Steganalysis of Digital
Images", IEEE TIFS 2012) over brightness and two differences of colours, at three scales. Of each residual the branch
tells, place by place, how strong it is, on a logarithmic scale, so that a linear head weighs ratios of bands instead of
the contrast of the picture. Nothing in it is learnt.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.backbones.backbone import Backbone
from training.backbones.normalisation import Normalisation
from training.errors import TrainingError

Kernel = NDArray[np.float64]

LUMA, RED_GREEN, BLUE_GREEN = (0.299, 0.587, 0.114), (1.0, -1.0, 0.0), (0.0, -1.0, 1.0)
"""Brightness (ITU-R BT.601), and the differences in which demosaicing and halved colour show."""
SCALES = ((1, 2), (2, 2), (4, 1))
"""What the sides are divided by, and the stride of the kernels there: every other residual tells as much as all do."""
FLOOR = 0.5
"""Squared grey levels, or half as many grey levels: below lies rounding, which a logarithm would blow up."""
SMALL = 2.0
"""Grey levels at which the rich model truncates: what is left tells of flat places, where noise is not hidden."""
_SIDE = 5
_NAME = "residual"


def _scaled(divisor: int, rows: Sequence[Sequence[int]]) -> Kernel:
    return np.array(rows, np.float64) / divisor


def _and_upright(kernel: Kernel) -> tuple[Kernel, Kernel]:
    return kernel, np.ascontiguousarray(kernel.T)


FIRST = _and_upright(_scaled(1, [[0, 0, 0], [0, -1, 1], [0, 0, 0]]))
SECOND = (
    *_and_upright(_scaled(2, [[0, 0, 0], [1, -2, 1], [0, 0, 0]])),
    _scaled(2, [[1, 0, 0], [0, -2, 0], [0, 0, 1]]),
    _scaled(2, [[0, 0, 1], [0, -2, 0], [1, 0, 0]]),
)
THIRD = _and_upright(_scaled(3, [[0] * 5, [0] * 5, [0, 1, -3, 3, -1], [0] * 5, [0] * 5]))
SQUARES = (
    _scaled(4, [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]),
    _scaled(12, [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]),
)
EDGES = _and_upright(_scaled(4, [[-1, 2, -1], [2, -4, 2], [0, 0, 0]]))
"""Predictors of first to third order, of squares and of halves of a square, as the rich model names them."""


def with_residuals(backbone: Backbone) -> Backbone:
    """The same backbone with the branch's channels behind its own, on its grid.

    Raises:
        TrainingError: the grid of the features is finer than a quarter of the picture's.
    """
    pixels, features = backbone.network.inputs[0], backbone.network.outputs[0]
    grid = int(features.shape[1])
    if int(pixels.shape[1]) // SCALES[-1][0] % grid:
        raise TrainingError(
            f"the residual branch needs features whose grid divides a quarter of the input's side, got {grid} places"
            f" at {pixels.shape[1]} px: leave --residual away for {backbone.name}"
        )
    told = [values for scale, stride in SCALES for values in _tell(pixels, scale, stride, grid, backbone.normalisation)]
    joined = keras.layers.Concatenate(name=f"{_NAME}_features")([features, *told])
    network = keras.Model(pixels, joined)
    fixed = tuple(layer.name for layer in network.layers if layer.name.startswith(_NAME) and layer.weights)
    return dataclasses.replace(backbone, network=network, fixed=fixed)


def _tell(pixels: Any, scale: int, stride: int, grid: int, normalisation: Normalisation) -> list[Any]:
    """What is told of the residuals at one scale: of each kernel three channels on the grid."""
    smaller = keras.layers.AveragePooling2D(scale)(pixels) if scale > 1 else pixels
    kernels = in_grey_levels(kernel_bank(), normalisation)
    convolve = keras.layers.Conv2D(kernels.shape[-1], _SIDE, strides=stride, use_bias=False, name=f"{_NAME}_{scale}")
    margin = (_SIDE // 2, _SIDE // 2)
    # Mirrored, because any constant around the picture would be an edge of its own.
    residuals = convolve(keras.ops.pad(smaller, ((0, 0), margin, margin, (0, 0)), mode="reflect"))
    convolve.set_weights([kernels.astype(np.float32)])
    convolve.trainable = False
    pool = keras.layers.AveragePooling2D(int(residuals.shape[1]) // grid)
    sizes = keras.ops.abs(residuals)
    energy = keras.ops.log(pool(keras.ops.square(residuals)) + FLOOR)
    size = keras.ops.log(pool(sizes) + FLOOR / 2)
    return [energy, size, pool(keras.ops.minimum(sizes, SMALL))]


def kernel_bank() -> Kernel:
    """The kernels (5, 5, 3, n) on RGB in grey levels; each one's weights sum to zero, so flat places give none."""
    luma = [_framed(kernel) for kernel in (*FIRST, *SECOND, *THIRD, *SQUARES, *EDGES)]
    colour = [_framed(kernel) for kernel in (*FIRST, *SQUARES)]
    pairs = [(kernel, plane) for plane in (RED_GREEN, BLUE_GREEN) for kernel in colour]
    return np.stack([_on_colours(kernel, plane) for kernel, plane in [*((k, LUMA) for k in luma), *pairs]], axis=-1)


def in_grey_levels(kernels: Kernel, normalisation: Normalisation) -> Kernel:
    """The kernels for normalised pixels: what normalisation divided by is given back, and what it took is constant."""
    return np.asarray(kernels * (np.array(normalisation.std) * normalisation.scale)[:, None], np.float64)


def _on_colours(kernel: Kernel, plane: tuple[float, float, float]) -> Kernel:
    return np.asarray(kernel[:, :, None] * np.array(plane), np.float64)


def _framed(kernel: Kernel) -> Kernel:
    margins = [(_SIDE - side) // 2 for side in kernel.shape]
    return np.pad(kernel, [(margin, margin) for margin in margins])
