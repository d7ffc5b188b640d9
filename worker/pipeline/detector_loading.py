"""Loads the face detector's network: on a GPU where there is one, else on the processor."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from worker.pipeline.detector_network import DetectorNetwork
from worker.pipeline.gpu import may_have_gpu
from worker.pipeline.gpu_memory import GpuLostError, GpuMemoryError, NoGpuError
from worker.pipeline.openvino_detector import OpenvinoDetector
from worker.pipeline.openvino_network import processor_capabilities
from worker.pipeline.precision import WantedPrecision, detector_precision

_log = logging.getLogger(__name__)


def load_detector_network(
    path: Path,
    *,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    threads: int = 1,
    precision: WantedPrecision = "float32",
    host: Path | None = None,
) -> DetectorNetwork:
    """CenterFace, ready to look.

    Args:
        path: the ONNX file.
        device: `auto` and `gpu` take a GPU that TensorFlow can use; without one this is the processor's in any case, as
            it is the classifier that insists.
        threads: of one run on the processor.
        precision: `float32` insists on it; else the processor's units for bfloat16 are used, and float16 on a GPU.
        host: the socket of the network host that owns the GPU; None to load TensorFlow here.

    Raises:
        BundleError: the file cannot be read as a network.
    """

    def on_processor() -> DetectorNetwork:
        units = () if precision == "float32" else processor_capabilities()
        return OpenvinoDetector(path, threads=threads, precision=detector_precision(precision, units))

    if device == "cpu" or (device == "auto" and not may_have_gpu()):
        return on_processor()
    try:
        return _on_gpu(path, on_processor, precision, host)
    except NoGpuError:
        return on_processor()
    except (GpuLostError, GpuMemoryError) as error:
        _log.warning("finding faces on the processor: %s", error)
        return on_processor()


def _on_gpu(
    path: Path, on_processor: Callable[[], DetectorNetwork], precision: WantedPrecision, host: Path | None
) -> DetectorNetwork:
    # Here, as a processor needs neither TensorFlow nor a way to a host.
    from worker.pipeline.gpu_detector import HostedDetector, SparingDetector  # noqa: PLC0415

    is_exact = precision == "float32"
    if host is not None:
        from worker.pipeline.host_client import shared_client  # noqa: PLC0415 - as above

        return SparingDetector(HostedDetector(shared_client(host), path), on_processor, is_exact=is_exact)
    from worker.pipeline.host_batches import BatchingNetwork  # noqa: PLC0415 - as above
    from worker.pipeline.keras_classifier import usable_gpus  # noqa: PLC0415 - as above
    from worker.pipeline.tensorflow_detector import TensorflowDetector  # noqa: PLC0415 - as above

    if not usable_gpus():
        raise NoGpuError("TensorFlow sees no GPU")
    network = BatchingNetwork(TensorflowDetector(path, precision=precision))
    return SparingDetector(network, on_processor, is_exact=is_exact)
