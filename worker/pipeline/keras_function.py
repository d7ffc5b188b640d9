"""A bundle's Keras network as one compiled TensorFlow function, in half precision where that does no harm."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.half_precision import differs_little, in_half_precision
from worker.pipeline.host_batches import BATCH_SIZES
from worker.pipeline.precision import WantedPrecision
from worker.pipeline.tensorflow_loading import load_tensorflow

_log = logging.getLogger(__name__)

_OUTPUTS = ("logit", "heat_map")


class KerasFunction:
    """A classifier's network that runs batches as they come: of any number of crops, compiled once.

    Args:
        path: the .keras file.
        size_px: side of its input.
        precision: `float32` insists on it. Else convolutions and the like calculate in float16, and what remains in
            TF32, as far as that leaves scores what they are; see `worker.pipeline.half_precision`.

    Raises:
        BundleError: it cannot be read, would run code of its own, or has not the outputs of a classifier.
        GpuMemoryError: there is no memory for it.
    """

    batch_sizes = BATCH_SIZES

    def __init__(self, path: Path, *, size_px: int, precision: WantedPrecision = "float32") -> None:
        tensorflow = load_tensorflow()
        tensorflow.config.experimental.enable_tensor_float_32_execution(precision != "float32")
        self._memory_error = tensorflow.errors.ResourceExhaustedError
        self._shape = (size_px, size_px, 3)
        try:
            network = _load(path)
            self._judge = self._compiled(network)
            self.is_in_half = precision != "float32" and self._take_half(network, path)
        except self._memory_error as error:
            raise _no_memory(error) from error

    def takes(self, shape: tuple[int, int, int]) -> bool:
        """Whether its crops may have this height, width and number of channels."""
        return shape == self._shape

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Logits (n, 1) and, where the network gives them, heat maps (n, height, width).

        Raises:
            GpuMemoryError: there is no memory for so many.
        """
        try:
            found = self._judge(pictures)
        except self._memory_error as error:
            raise _no_memory(error) from error
        return [np.asarray(found[name], np.float32) for name in _OUTPUTS if name in found]

    def _compiled(self, network: Any) -> Any:
        tensorflow = load_tensorflow()

        def judge(crops: Any) -> Any:
            return network(tensorflow.cast(crops, tensorflow.float32), training=False)

        return tensorflow.function(
            judge, input_signature=[tensorflow.TensorSpec((None, *self._shape), tensorflow.uint8)]
        )

    def _take_half(self, network: Any, path: Path) -> bool:
        try:
            exact, half = self._judge, self._compiled(in_half_precision(network))
        # The last is how Keras says that a layer has no description of its own to be rebuilt from.
        except (ValueError, TypeError, NotImplementedError) as error:
            _log.warning("%s keeps to float32, as it cannot be rebuilt: %s", path, str(error).partition("\n")[0])
            return False
        if differs_little(lambda crops: exact(crops)["logit"], lambda crops: half(crops)["logit"], self._shape):
            self._judge = half
            return True
        _log.warning("%s keeps to float32: in half precision its scores would be others", path)
        return False


def _load(path: Path) -> Any:
    import keras  # noqa: PLC0415 - as TensorFlow

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise BundleError(
            f"{path} cannot be loaded ({lines[0]}): build the bundle again with `fakesweep train`"
        ) from error
    names = set(network.output) if isinstance(network.output, dict) else set()
    if "logit" not in names:
        raise BundleError(
            f"{path} is no classifier (outputs: {', '.join(sorted(names)) or 'unnamed'}; wanted: logit, heat_map): "
            "build the bundle again with `fakesweep train`"
        )
    return network


def _no_memory(error: Exception) -> GpuMemoryError:
    return GpuMemoryError(str(error).partition("\n")[0])
