"""The face detector's network on OpenVINO."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.inference import infer
from worker.pipeline.openvino_network import compile_network, read_network, take_pictures
from worker.pipeline.precision import Precision


class OpenvinoDetector:
    """CenterFace, compiled once for every size of canvas.

    Args:
        path: the ONNX file.
        threads: of one run.
        precision: that it calculates in.

    Raises:
        BundleError: the file cannot be read as a network.
    """

    batch_size: int = 1

    def __init__(self, path: Path, *, threads: int = 1, precision: Precision = "float32") -> None:
        self.is_exact = precision == "float32"
        network = read_network(path)
        # One network for all sizes: measured, it is as fast as one compiled for each, and those take 0.3 s each.
        network.reshape([1, 3, -1, -1])
        self._request = compile_network(
            take_pictures(network), threads=threads, precision=precision
        ).create_infer_request()

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The outputs for one canvas, (1, height, width, 3), in the request's own memory.

        Raises:
            TransientError: memory ran out.
        """
        infer(self._request, canvases)
        return [tensor.data for tensor in self._request.output_tensors]
