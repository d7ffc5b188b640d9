"""The classifier's network on OpenVINO."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.inference import infer
from worker.pipeline.openvino_network import compile_network, load_openvino, read_network
from worker.pipeline.precision import Precision

BATCH_SIZE = 8
"""Larger batches are no faster on processors (measured: 4.3 ms a crop by 8, 5.0 by 32), and cost memory."""


class OpenvinoNetwork:
    """A bundle's network, compiled once for any number of crops.

    Args:
        path: the .xml file.
        size_px: side of its input.
        threads: of one run.
        precision: that it calculates in; int8 is in the file, too.
        logit_shift: added to each logit.

    Raises:
        BundleError: it cannot be read, or has not the outputs of a classifier.
    """

    batch_size: int = BATCH_SIZE

    def __init__(
        self, path: Path, *, size_px: int, threads: int, precision: Precision = "float32", logit_shift: float = 0.0
    ) -> None:
        network = read_network(path)
        outputs = [output.get_any_name() for output in network.outputs]
        if "logit" not in outputs or len(network.inputs) != 1:
            raise BundleError(
                f"{path} is no classifier (outputs: {', '.join(outputs)}; wanted: logit, heat_map): "
                "build the bundle again with `fakesweep train`"
            )
        self._has_heat_map = "heat_map" in outputs
        compiled = compile_network(_taking_bytes(network, size_px, path), threads=threads, precision=precision)
        self._logit_shift = np.float32(logit_shift)
        self._request = compiled.create_infer_request()

    def run(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Logits (n, 1) and heat maps (n, height, width)."""
        infer(self._request, np.ascontiguousarray(crops))
        # Copies: the request's own memory is written over by the next run.
        logits = np.array(self._request.get_tensor("logit").data, np.float32) + self._logit_shift
        return logits, np.array(self._request.get_tensor("heat_map").data, np.float32) if self._has_heat_map else None


def _taking_bytes(network: Any, size_px: int, path: Path) -> Any:
    openvino = load_openvino()

    try:
        network.reshape([-1, size_px, size_px, 3])
        steps = openvino.preprocess.PrePostProcessor(network)
        steps.input().tensor().set_element_type(openvino.Type.u8)
        return steps.build()
    except RuntimeError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise BundleError(f"{path} takes no crops of {size_px} px ({last_line}): build the bundle again") from error
