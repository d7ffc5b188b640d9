"""The operations of convolutional networks in TensorFlow, as OpenVINO's attributes and weights describe them.

Values are (n, height, width, channels); weights are NumPy arrays in OpenVINO's layout, laid out anew here.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.tensorflow_loading import load_tensorflow


def cannot_run(what: str) -> BundleError:
    """That a network holds something of which a TensorFlow function cannot be made here."""
    return BundleError(f"the network holds {what}, which fakesweep cannot run on TensorFlow: set FAKESWEEP_DEVICE=cpu")


def _convolution(attributes: Mapping[str, Any], inputs: list[Any]) -> Any:
    pictures, weights = inputs
    pictures, padding = _padded(pictures, attributes, weights.shape[2:])
    return load_tensorflow().nn.conv2d(
        pictures,
        _like(pictures, weights.transpose(2, 3, 1, 0)),
        strides=attributes["strides"],
        padding=padding,
        dilations=attributes["dilations"],
    )


def _group_convolution(attributes: Mapping[str, Any], inputs: list[Any]) -> Any:
    pictures, weights = inputs  # the latter (groups, outputs of each, inputs of each, height, width)
    if weights.shape[2] != 1:
        raise cannot_run(f"GroupConvolution with {weights.shape[2]} channels in a group")
    pictures, padding = _padded(pictures, attributes, weights.shape[3:])
    return load_tensorflow().nn.depthwise_conv2d(
        pictures,
        _like(pictures, weights[:, :, 0].transpose(2, 3, 0, 1)),
        strides=[1, *attributes["strides"], 1],
        padding=padding,
        dilations=attributes["dilations"],
    )


def _transposed_convolution(attributes: Mapping[str, Any], inputs: list[Any]) -> Any:
    if len(inputs) > 2 or set(attributes["dilations"]) != {1}:
        raise cannot_run("ConvolutionBackpropData with a size of its own, or with dilations")
    tensorflow = load_tensorflow()
    pictures, weights = inputs  # the latter (inputs, outputs, height, width)
    (top, bottom), (left, right) = _margins(attributes)
    shape = tensorflow.shape(pictures)
    steps = zip(attributes["strides"], weights.shape[2:], attributes["output_padding"], strict=True)
    height, width = [(shape[axis] - 1) * stride + kernel + more for axis, (stride, kernel, more) in enumerate(steps, 1)]
    whole = tensorflow.nn.conv2d_transpose(
        pictures,
        _like(pictures, weights.transpose(2, 3, 1, 0)),
        output_shape=tensorflow.stack([shape[0], height, width, weights.shape[1]]),
        strides=attributes["strides"],
        padding="VALID",
    )
    return whole[:, top : height - bottom, left : width - right] if top + bottom + left + right else whole


def _normalisation(attributes: Mapping[str, Any], inputs: list[Any]) -> Any:
    pictures, gain, shift, mean, variance = inputs
    factor = gain / np.sqrt(variance + attributes["epsilon"])
    return pictures * _like(pictures, factor) + _like(pictures, shift - mean * factor)


def _addition(_attributes: Mapping[str, Any], inputs: list[Any]) -> Any:
    pictures, other = inputs
    if not isinstance(other, np.ndarray):
        return pictures + other
    if other.size != pictures.shape[-1] or other.shape[1:2] != pictures.shape[-1:]:
        raise cannot_run(f"Add of {other.shape}")
    # Not by a plus: what follows a convolution in this form is calculated along with it.
    return load_tensorflow().nn.bias_add(pictures, _like(pictures, other.reshape(-1)))


def _padded(pictures: Any, attributes: Mapping[str, Any], kernel: tuple[int, ...]) -> tuple[Any, str]:
    """The pictures with a border of zeros, and TensorFlow's word for what it shall add to it.

    It is given no numbers for what it adds: those of a convolution by channel end TensorFlow 2.21 with a failed check.
    """
    margins = _margins(attributes)
    reach = [(side - 1) * dilation for side, dilation in zip(kernel, attributes["dilations"], strict=True)]
    if set(attributes["strides"]) == {1} and margins == [(total // 2, total - total // 2) for total in reach]:
        return pictures, "SAME"
    if any(map(any, margins)):
        pictures = load_tensorflow().pad(pictures, [(0, 0), *margins, (0, 0)])
    return pictures, "VALID"


def _margins(attributes: Mapping[str, Any]) -> list[tuple[int, int]]:
    if attributes["auto_pad"] != "explicit":
        raise cannot_run(f"a padding of {attributes['auto_pad']}")
    return list(zip(attributes["pads_begin"], attributes["pads_end"], strict=True))


def _like(pictures: Any, weights: NDArray[np.float32]) -> Any:
    return load_tensorflow().constant(weights, pictures.dtype)


OPERATIONS: dict[str, Callable[[Mapping[str, Any], list[Any]], Any]] = {
    "Add": _addition,
    "BatchNormInference": _normalisation,
    "Convolution": _convolution,
    "ConvolutionBackpropData": _transposed_convolution,
    "GroupConvolution": _group_convolution,
    "Relu": lambda _, inputs: load_tensorflow().nn.relu(inputs[0]),
    "Sigmoid": lambda _, inputs: load_tensorflow().sigmoid(inputs[0]),
}
"""By the name of their kind: from its attributes and its inputs to its only output."""
