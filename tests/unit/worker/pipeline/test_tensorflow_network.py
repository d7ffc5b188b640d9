"""TensorFlow calculates what OpenVINO calculates, in each form of an operation that is known, and refuses others."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.openvino_network import compile_network, load_openvino
from worker.pipeline.tensorflow_network import as_tensorflow

pytestmark = pytest.mark.slow  # TensorFlow takes seconds to load

CHANNELS = 3
PICTURES = np.random.default_rng(7).uniform(-1, 1, (2, 15, 18, CHANNELS)).astype(np.float32)


def _weights(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def _network_of(make: Any) -> Any:
    """A network of one operation on a picture of any size."""
    openvino = load_openvino()
    from openvino import opset13  # noqa: PLC0415 - after the line before

    pictures = opset13.parameter([-1, CHANNELS, -1, -1], np.float32)
    return openvino.Model([make(opset13, pictures)], [pictures])


def _both(make: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The answers of OpenVINO and of TensorFlow."""
    compiled = compile_network(_network_of(make), threads=1)
    (said,) = compiled([np.ascontiguousarray(PICTURES.transpose(0, 3, 1, 2))]).values()
    (found,) = as_tensorflow(_network_of(make))(PICTURES)
    return said, np.asarray(found)


@pytest.mark.parametrize(
    ("kernel", "strides", "begin", "end", "dilations"),
    [
        ((3, 3), [1, 1], [1, 1], [1, 1], [1, 1]),
        ((3, 3), [2, 2], [1, 1], [1, 1], [1, 1]),
        ((3, 3), [1, 2], [1, 0], [1, 0], [1, 1]),
        ((2, 4), [1, 1], [0, 1], [1, 2], [1, 1]),
        ((2, 4), [1, 1], [1, 2], [0, 1], [1, 1]),
        ((3, 3), [1, 1], [2, 2], [2, 2], [2, 2]),
        ((1, 1), [1, 1], [0, 0], [0, 0], [1, 1]),
    ],
)
def test_a_convolution_is_the_same(
    kernel: tuple[int, int], strides: list[int], begin: list[int], end: list[int], dilations: list[int]
) -> None:
    """Whatever its border and its steps, in odd and in even sizes, over all channels."""
    weights = _weights(5, CHANNELS, *kernel)

    said, found = _both(lambda ops, x: ops.convolution(x, weights, strides, begin, end, dilations))

    assert found.shape == said.shape
    assert found == pytest.approx(said, abs=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_of_each_channel_is_the_same(outputs: int, stride: int) -> None:
    """One filter or several for each channel, their answers in OpenVINO's order."""
    weights = _weights(CHANNELS, outputs, 1, 3, 3)

    said, found = _both(lambda ops, x: ops.group_convolution(x, weights, [stride, stride], [1, 1], [1, 1], [1, 1]))

    assert found.shape == said.shape
    assert found == pytest.approx(said, abs=1e-5)


@pytest.mark.parametrize(
    ("kernel", "stride", "begin", "end", "more"),
    [
        (2, 2, [0, 0], [0, 0], [0, 0]),
        (3, 2, [1, 1], [1, 1], [1, 1]),
        (3, 2, [1, 1], [1, 1], [0, 0]),
        (4, 2, [1, 0], [2, 1], [0, 1]),
        (3, 1, [1, 1], [1, 1], [0, 0]),
    ],
)
def test_a_transposed_convolution_is_the_same(
    kernel: int, stride: int, begin: list[int], end: list[int], more: list[int]
) -> None:
    """What it adds to its output, or takes off, is counted as OpenVINO counts it."""
    weights = _weights(CHANNELS, 4, kernel, kernel)

    said, found = _both(
        lambda ops, x: ops.convolution_backprop_data(
            x, weights, [stride, stride], pads_begin=begin, pads_end=end, output_padding=more
        )
    )

    assert found.shape == said.shape
    assert found == pytest.approx(said, abs=1e-5)


def test_what_follows_a_convolution_is_the_same() -> None:
    """Shifts by channel, sums of pictures, normalisation, and the two curves."""
    gain, shift, mean = _weights(CHANNELS), _weights(CHANNELS) / 2, _weights(CHANNELS) / 3

    def make(ops: Any, pictures: Any) -> Any:
        moved = ops.relu(ops.add(pictures, _weights(1, CHANNELS, 1, 1)))
        level = ops.batch_norm_inference(moved, gain, shift, mean, np.abs(gain), 1e-3)
        return ops.sigmoid(ops.add(level, pictures))

    said, found = _both(make)

    assert found == pytest.approx(said, abs=1e-5)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda ops, x: ops.relu(ops.cos(ops.clamp(x, 0.0, 6.0))), "holds Clamp, Cos,"),
        (
            lambda ops, x: ops.group_convolution(
                ops.concat([x, x], 1), _weights(2, 1, 3, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]
            ),
            "holds Concat,",
        ),
        (
            lambda ops, x: ops.group_convolution(x, _weights(1, 3, 3, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1]),
            "3 channels",
        ),
        (
            lambda ops, x: ops.convolution(x, _weights(2, 3, 3, 3), [1, 1], [0, 0], [0, 0], [1, 1], "same_upper"),
            "padding of same_upper",
        ),
        (lambda ops, x: ops.add(x, np.float32(3)), r"Add of \(\)"),
    ],
)
def test_another_operation_is_refused_by_its_name(make: Any, what: str) -> None:
    """Nothing is guessed: a network that TensorFlow would run differently stays with OpenVINO."""
    with pytest.raises(BundleError, match=what):
        as_tensorflow(_network_of(make))(PICTURES)
