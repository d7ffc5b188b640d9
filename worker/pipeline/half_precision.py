"""Has a Keras network calculate in float16 where that is faster and safe, and in float32 elsewhere.

Mixed precision after Micikevicius et al., "Mixed Precision Training" (ICLR 2018), for judging alone: weights stay
float32 and are rounded where they are used. What tensor cores speed up (convolutions, matrix products), and what lies
between and is harmless, takes and gives float16. Everything else stays float32: normalisation of pixels, products and
means of features, which may leave float16's range, and layers of so few outputs that tensor cores do nothing for
them, such as the head, so that logits and heat maps are float32 too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.precision import MAX_SCORE_GAP

_FAST = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense", "EinsumDense", "Conv1D"})
_HARMLESS = frozenset({"Activation", "Add", "ReLU", "LeakyReLU", "BatchNormalization", "ZeroPadding2D", "MaxPooling2D"})
_FEW_OUTPUTS = 8
"""Tensor cores multiply in steps of eight."""

_COMPARED = 8
_LARGEST_LOGIT = 60.0

Logits = Callable[[NDArray[np.uint8]], Any]


def in_half_precision(network: Any) -> Any:
    """The same network with the same weights, whose layers of the kinds above calculate in float16.

    Args:
        network: a Keras model; parts of it may be models too. It is left as it is.
    """
    import keras  # noqa: PLC0415 - it loads TensorFlow

    def layer_in_half(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return keras.models.clone_model(layer, clone_function=layer_in_half)
        config = layer.get_config()
        # A network may hold bare operations too, with names like those of layers.
        if isinstance(layer, keras.Layer) and _gains(layer):
            config["dtype"] = "mixed_float16"
        return type(layer).from_config(config)

    cloned = layer_in_half(network)
    cloned.set_weights(network.get_weights())
    return cloned


def differs_little(exact: Logits, half: Logits, shape: tuple[int, int, int]) -> bool:
    """Whether scores of two networks lie so near to each other that one may stand for the other.

    They are asked about drawn pictures. That is no measure of accuracy on faces; it finds networks that overflow or
    cannot do with ten bits, which no list of layers can rule out.

    Args:
        exact: gives logits (n, 1) of crops (n, height, width, 3), uint8.
        half: the same in less precision.
        shape: height, width and channels of a crop.
    """
    crops = _drawn(shape)
    scores = [_scores(np.asarray(logits(crops), np.float64)) for logits in (exact, half)]
    gap = np.abs(scores[0] - scores[1])
    # Not a number is no small gap.
    return bool(np.mean(gap) <= MAX_SCORE_GAP)


def _gains(layer: Any) -> bool:
    name = type(layer).__name__
    outputs = getattr(layer, "filters", getattr(layer, "units", None))
    return name in _HARMLESS or (name in _FAST and (outputs is None or outputs >= _FEW_OUTPUTS))


def _scores(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)))


def _drawn(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Light and dark, smooth and noisy crops, the same each time."""
    height, width, channels = shape
    random = np.random.default_rng(1)
    slope = np.linspace(0, 1, height)[:, None, None] * np.linspace(0, 1, width)[None, :, None]
    tints = random.uniform(0, 255, (_COMPARED, 1, 1, channels))
    noise = (
        random.normal(0, 1, (_COMPARED, height, width, channels)) * np.linspace(0, 60, _COMPARED)[:, None, None, None]
    )
    return np.clip(tints * slope + noise, 0, 255).astype(np.uint8)
