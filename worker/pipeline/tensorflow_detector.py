"""The face detector's network on TensorFlow, for machines with a GPU."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.detector_network import GRID_PX, LARGEST_SIDE_PX
from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.host_wire import CHANNELS
from worker.pipeline.openvino_network import read_network
from worker.pipeline.precision import WantedPrecision
from worker.pipeline.tensorflow_loading import load_tensorflow
from worker.pipeline.tensorflow_network import as_tensorflow


class TensorflowDetector:
    """CenterFace, compiled once for every size of canvas and any number of them.

    Args:
        path: the ONNX file.
        precision: `float32` insists on it. Else weights and what lies between operations are float16, for which tensor
            cores are made; the answers are float32 in any case.

    Raises:
        BundleError: it cannot be read, or holds what TensorFlow is not told here.
        GpuMemoryError: there is no memory for it.
    """

    batch_sizes = (1, 2, 4, 8, 16)
    """A canvas is large: one that only fills a batch up costs as much as another."""

    def __init__(self, path: Path, *, precision: WantedPrecision = "float32") -> None:
        tensorflow = load_tensorflow()
        # As the classifier has it, which may live in the same process.
        tensorflow.config.experimental.enable_tensor_float_32_execution(precision != "float32")
        self._memory_error = tensorflow.errors.ResourceExhaustedError
        # Nothing in it hangs on a value: the function is traced as it stands.
        look = tensorflow.function(as_tensorflow(read_network(path), is_half=precision != "float32"), autograph=False)
        canvases = tensorflow.TensorSpec((None, None, None, CHANNELS), tensorflow.uint8)
        try:
            self._look = look.get_concrete_function(canvases)
        except self._memory_error as error:
            raise _no_memory(error) from error

    def takes(self, shape: tuple[int, int, int]) -> bool:
        """Whether its canvases may have this height, width and number of channels."""
        *sides, channels = shape
        return channels == CHANNELS and all(side % GRID_PX == 0 and 0 < side <= LARGEST_SIDE_PX for side in sides)

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """What OpenVINO's network of the same file says, with its outputs in their order.

        Args:
            pictures: canvases, (n, height, width, 3), RGB, uint8; sides are multiples of 32.

        Raises:
            GpuMemoryError: there is no memory for so many.
        """
        try:
            return [np.asarray(output) for output in self._look(load_tensorflow().constant(pictures))]
        except self._memory_error as error:
            raise _no_memory(error) from error


def _no_memory(error: Exception) -> GpuMemoryError:
    return GpuMemoryError(str(error).partition("\n")[0])
