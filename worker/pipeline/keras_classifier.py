"""The classifier's network on TensorFlow, for a single process that judges on a GPU."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.keras_function import KerasFunction
from worker.pipeline.precision import WantedPrecision
from worker.pipeline.tensorflow_loading import load_tensorflow

BATCH_SIZE = 32


def usable_gpus() -> list[str]:
    """The GPUs that TensorFlow can use; their memory is taken as needed, so that several processes share one."""
    tensorflow = load_tensorflow()
    found = tensorflow.config.list_physical_devices("GPU")
    for gpu in found:
        try:
            tensorflow.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003 - TensorFlow's signature
        except RuntimeError:
            # Already in use by this process, as set then.
            continue
    return [gpu.name for gpu in found]


class KerasNetwork:
    """A bundle's Keras network; a batch is filled up to `batch_size`, which may be lowered.

    Args:
        path: the .keras file.
        size_px: side of its input.
        precision: `float32` insists on it; else see `KerasFunction`.

    Raises:
        BundleError: it cannot be read, would run code of its own, or has not the outputs of a classifier.
        GpuMemoryError: there is no memory for it.
    """

    def __init__(self, path: Path, *, size_px: int, precision: WantedPrecision = "float32") -> None:
        self.batch_size = BATCH_SIZE
        self._size_px = size_px
        self._function = KerasFunction(path, size_px=size_px, precision=precision)

    def run(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Logits (n, 1) and heat maps (n, height, width).

        Raises:
            GpuMemoryError: there is no memory for `batch_size` crops.
        """
        # Always full: what a GPU's libraries prepare, they prepare for each shape anew.
        batch = np.zeros((self.batch_size, self._size_px, self._size_px, 3), np.uint8)
        batch[: len(crops)] = crops
        logits, *heat_maps = (array[: len(crops)] for array in self._function.run(batch))
        return logits, heat_maps[0] if heat_maps else None
