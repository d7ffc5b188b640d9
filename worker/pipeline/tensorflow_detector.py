"""The face detector's network on TensorFlow, for machines with a GPU."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.openvino_network import read_network
from worker.pipeline.tensorflow_loading import load_tensorflow
from worker.pipeline.tensorflow_network import as_tensorflow

BATCH_SIZE = 8
"""Frames of one video at once; more would wait longer for their decoder, and cost memory."""


class TensorflowDetector:
    """CenterFace, compiled once for every size of canvas and any number of them.

    Args:
        path: the ONNX file.
        precision: float16 halves what weights and intermediate values take, and tensor cores are made for it; the
            answers are float32 in any case.

    Raises:
        BundleError: it cannot be read, or holds what TensorFlow is not told here.
    """

    def __init__(self, path: Path, *, precision: Literal["float32", "float16"] = "float32") -> None:
        tensorflow = load_tensorflow()
        if precision == "float32":
            # Tensor cores would keep ten bits of a number else.
            tensorflow.config.experimental.enable_tensor_float_32_execution(False)  # noqa: FBT003 - its signature
        self.batch_size = BATCH_SIZE
        self.is_exact = precision == "float32"
        self._memory_error = tensorflow.errors.ResourceExhaustedError
        look = as_tensorflow(read_network(path), is_half=precision == "float16")
        # Nothing in it hangs on a value: the function is traced as it stands.
        compiled = tensorflow.function(look, autograph=False)
        self._look = compiled.get_concrete_function(tensorflow.TensorSpec((None, None, None, 3), tensorflow.uint8))

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """What OpenVINO's network of the same file says, with its outputs in their order.

        Args:
            canvases: (n, height, width, 3), RGB, uint8; sides are multiples of 32.

        Raises:
            GpuMemoryError: there is no memory for so many.
        """
        count = len(canvases)
        # Rounded up to a power of two: what a GPU's libraries prepare, they prepare for each number anew.
        batch = np.zeros((1 << (count - 1).bit_length(), *canvases.shape[1:]), np.uint8)
        batch[:count] = canvases
        try:
            return [np.asarray(output)[:count] for output in self._look(load_tensorflow().constant(batch))]
        except self._memory_error as error:
            raise GpuMemoryError(str(error).partition("\n")[0]) from error
