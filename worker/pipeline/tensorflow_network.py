"""Turns a convolutional network that OpenVINO has read into a TensorFlow function, operation by operation.

OpenVINO lays pictures out as (n, channels, height, width). TensorFlow wants channels last, on processors always: so
values travel here, and answers are turned back at the end.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from worker.pipeline.openvino_network import load_openvino
from worker.pipeline.tensorflow_loading import load_tensorflow
from worker.pipeline.tensorflow_operations import OPERATIONS, cannot_run

_FOLDED_SIDE = 64
"""Any would do: once a size is given, OpenVINO can work out the shapes that a file calculates for itself."""
_NCHW_RANK = 4


def as_tensorflow(network: Any, *, is_half: bool = False) -> Callable[[Any], list[Any]]:
    """The network as a function to be compiled by `tensorflow.function`.

    It takes pictures (n, height, width, channels) of any type, and gives the network's outputs in their order, in
    OpenVINO's layout and in float32.

    Args:
        network: as `read_network` gives it, with one input of four dimensions; it is altered.
        is_half: whether weights, and what one operation hands to the next, are float16.

    Raises:
        BundleError: it holds operations that are not known here; the function raises it for a form that is not.
    """
    nodes = _with_plain_weights(network).get_ordered_ops()
    unknown = {node.get_type_name() for node in nodes} - OPERATIONS.keys() - {"Parameter", "Constant", "Result"}
    if unknown:
        raise cannot_run(", ".join(sorted(unknown)))

    def run(pictures: Any) -> list[Any]:
        tensorflow = load_tensorflow()
        values: dict[str, Any] = {}
        for node in nodes:
            inputs = [values[source.get_node().get_name()] for source in node.input_values()]
            match node.get_type_name():
                case "Parameter":
                    value = tensorflow.cast(pictures, tensorflow.float16 if is_half else tensorflow.float32)
                case "Constant":
                    value = np.array(node.get_data(), np.float32)
                case "Result":
                    value = tensorflow.transpose(tensorflow.cast(inputs[0], tensorflow.float32), (0, 3, 1, 2))
                case kind:
                    value = OPERATIONS[kind](node.get_attributes(), inputs)
            values[node.get_name()] = value
        return [values[result.get_name()] for result in network.get_results()]

    return run


def _with_plain_weights(network: Any) -> Any:
    """The network with everything calculated beforehand that hangs on no picture: weights are constants then."""
    if len(network.inputs) != 1 or len(network.input().get_partial_shape()) != _NCHW_RANK:
        raise cannot_run("an input that is no picture")
    channels = network.input().get_partial_shape()[1]
    network.reshape([1, channels, _FOLDED_SIDE, _FOLDED_SIDE])
    load_openvino()
    from openvino import passes  # noqa: PLC0415 - after the line before

    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(network)
    return network
