"""The classifier's network on TensorFlow, for machines with a GPU."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.precision import WantedPrecision

BATCH_SIZE = 32


def usable_gpus() -> list[str]:
    """The GPUs that TensorFlow can use; their memory is taken as needed, so that several processes share one."""
    tensorflow = _tensorflow()
    found = tensorflow.config.list_physical_devices("GPU")
    for gpu in found:
        try:
            tensorflow.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003 - TensorFlow's signature
        except RuntimeError:
            # Already in use by this process, as set then.
            continue
    return [gpu.name for gpu in found]


class KerasNetwork:
    """A bundle's Keras network as a function compiled once; a batch is filled up to `batch_size`, which may be lowered.

    Args:
        path: the .keras file.
        size_px: side of its input.
        precision: `float32` insists on it; else tensor cores may keep ten bits of a number (TF32), as float16 does,
            which moved the default classifier's scores by 0.002 on average.

    Raises:
        BundleError: it cannot be read, would run code of its own, or has not the outputs of a classifier.
    """

    def __init__(self, path: Path, *, size_px: int, precision: WantedPrecision = "float32") -> None:
        tensorflow = _tensorflow()
        tensorflow.config.experimental.enable_tensor_float_32_execution(precision != "float32")
        network = _load(path)
        names = set(network.output) if isinstance(network.output, dict) else set()
        if "logit" not in names:
            raise BundleError(
                f"{path} is no classifier (outputs: {', '.join(sorted(names)) or 'unnamed'}; wanted: logit, heat_map): "
                "build the bundle again with `fakesweep train`"
            )
        self.batch_size = BATCH_SIZE
        self._size_px = size_px
        self._memory_error = tensorflow.errors.ResourceExhaustedError

        def judge(crops: Any) -> Any:
            return network(tensorflow.cast(crops, tensorflow.float32), training=False)

        signature = [tensorflow.TensorSpec((None, size_px, size_px, 3), tensorflow.uint8)]
        self._judge = tensorflow.function(judge, input_signature=signature)

    def run(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Logits (n, 1) and heat maps (n, height, width).

        Raises:
            GpuMemoryError: there is no memory for `batch_size` crops.
        """
        # Always full: what a GPU's libraries prepare, they prepare for each shape anew.
        batch = np.zeros((self.batch_size, self._size_px, self._size_px, 3), np.uint8)
        batch[: len(crops)] = crops
        try:
            found = self._judge(batch)
        except self._memory_error as error:
            raise GpuMemoryError(str(error).partition("\n")[0]) from error
        heat_map = found.get("heat_map")
        logits = np.asarray(found["logit"], np.float32)[: len(crops)]
        return logits, None if heat_map is None else np.asarray(heat_map, np.float32)[: len(crops)]


def _load(path: Path) -> Any:
    import keras  # noqa: PLC0415 - as below

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise BundleError(
            f"{path} cannot be loaded ({lines[0]}): build the bundle again with `fakesweep train`"
        ) from error


def _tensorflow() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Here, not at the top: importing it takes seconds and half a gigabyte.
    import tensorflow  # noqa: PLC0415

    return tensorflow
