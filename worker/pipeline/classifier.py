"""Judges face crops with the classifier of a bundle: OpenVINO on processors, TensorFlow where there is a GPU."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.bundle import INT8_FILE, KERAS_FILE, OPENVINO_FILE, verify_bundle
from worker.pipeline.errors import BundleError
from worker.pipeline.gpu import may_have_gpu
from worker.pipeline.gpu_memory import (
    GpuLostError,
    GpuMemoryError,
    Network,
    NoGpuError,
    ShrinkableNetwork,
    SparingNetwork,
)
from worker.pipeline.host_client import shared_client
from worker.pipeline.hosted_network import HostedNetwork
from worker.pipeline.manifest import Manifest
from worker.pipeline.openvino_classifier import OpenvinoNetwork
from worker.pipeline.openvino_network import processor_capabilities
from worker.pipeline.precision import Precision, WantedPrecision, choose_precision

_log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "gpu"]
Runtime = Literal["openvino", "tensorflow"]


@dataclass(frozen=True)
class Judgement:
    """What the network says of some crops.

    Args:
        logits: (n,), float64, finite; above 0 leans to fake, before calibration.
        heat_maps: (n, height, width), float32: which places speak for fake, a class activation map (Zhou et al., 2016);
            None where the network gives none.
    """

    logits: NDArray[np.float64]
    heat_maps: NDArray[np.float32] | None

    def __post_init__(self) -> None:
        if self.logits.ndim != 1:
            raise ValueError(f"logits must have one dimension, got {self.logits.shape}")
        if not np.isfinite(self.logits).all():
            raise ValueError("the classifier gave a logit that is no finite number: its weights are damaged")


class Classifier:
    """A loaded bundle.

    Args:
        manifest: of the bundle.
        runtime: which engine judges.
        network: that engine's.
        precision: that the network calculates in.
    """

    def __init__(
        self, manifest: Manifest, *, runtime: Runtime, network: Network, precision: Precision = "float32"
    ) -> None:
        self.manifest = manifest
        self.precision = precision
        self._runtime: Runtime = runtime
        self._network = network

    @property
    def runtime(self) -> Runtime:
        """Which engine judges now: a GPU whose memory ran out has handed over to the processor."""
        is_handed_over = isinstance(self._network, SparingNetwork) and not self._network.is_on_gpu
        return "openvino" if is_handed_over else self._runtime

    @property
    def batch_size(self) -> int:
        """How many crops the engine takes at once; more are judged in several goes."""
        return self._network.batch_size

    def judge(self, crops: NDArray[np.uint8]) -> Judgement:
        """The network's opinion of each crop.

        Args:
            crops: (n, size, size, 3), RGB, uint8, as `crop_face` cuts them; n may be 0.

        Raises:
            ValueError: the crops have another shape or type.
        """
        size = self.manifest.input_size_px
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (size, size, 3):
            raise ValueError(f"crops must be (n, {size}, {size}, 3) of uint8, got {crops.shape} of {crops.dtype}")
        parts = [
            self._network.run(crops[start : start + self.batch_size]) for start in range(0, len(crops), self.batch_size)
        ]
        logits = [np.asarray(logit, np.float64).reshape(-1) for logit, _ in parts]
        maps = [heat_map for _, heat_map in parts if heat_map is not None]
        return Judgement(
            logits=np.concatenate(logits) if logits else np.empty(0, np.float64),
            heat_maps=np.concatenate(maps) if maps else None,
        )


def load_classifier(
    directory: Path,
    *,
    device: Device = "auto",
    threads: int = 1,
    precision: WantedPrecision = "float32",
    host: Path | None = None,
) -> Classifier:
    """The classifier of a verified bundle, ready to judge.

    Args:
        directory: the bundle.
        device: `gpu` insists on one, `auto` takes one that TensorFlow can use, else the processor.
        threads: of one judgement on the processor.
        precision: on the processor `auto` takes the fastest whose scores the bundle found to be float32's; on a GPU all
            but float32 is half precision.
        host: the socket of the network host that judges on the GPU for this process; None to load TensorFlow here.

    Raises:
        BundleError: a file is missing or altered, a network cannot be read, or what is insisted on is not there.
    """
    manifest = verify_bundle(directory)
    if device == "gpu" or (device == "auto" and may_have_gpu()):
        try:
            on_gpu = _on_gpu(manifest, directory, precision) if host is None else _hosted(manifest, directory, host)
        except NoGpuError as error:
            if device == "gpu":
                raise BundleError(
                    f"FAKESWEEP_DEVICE is gpu, but {error}: install tensorflow[and-cuda] and a driver, "
                    "or set FAKESWEEP_DEVICE to auto or cpu"
                ) from error
        except (GpuLostError, GpuMemoryError) as error:
            _log.warning("judging on the processor: %s", error)
        else:
            size_px = manifest.input_size_px
            network = SparingNetwork(
                on_gpu, lambda: OpenvinoNetwork(directory / OPENVINO_FILE, size_px=size_px, threads=threads)
            )
            return Classifier(manifest, runtime="tensorflow", network=network)
    return _on_processor(manifest, directory, precision, threads=threads)


def _on_gpu(manifest: Manifest, directory: Path, precision: WantedPrecision) -> ShrinkableNetwork:
    # Imported here only: TensorFlow takes seconds and half a gigabyte, which processors need not spend.
    from worker.pipeline.keras_classifier import KerasNetwork, usable_gpus  # noqa: PLC0415

    if not usable_gpus():
        raise NoGpuError("TensorFlow sees no GPU")
    return KerasNetwork(directory / KERAS_FILE, size_px=manifest.input_size_px, precision=precision)


def _hosted(manifest: Manifest, directory: Path, host: Path) -> ShrinkableNetwork:
    return HostedNetwork(shared_client(host), directory, size_px=manifest.input_size_px)


def _on_processor(manifest: Manifest, directory: Path, wanted: WantedPrecision, *, threads: int) -> Classifier:
    precision = choose_precision(wanted, manifest.precisions, () if wanted == "float32" else processor_capabilities())
    measured = manifest.precisions.get(precision)
    network = OpenvinoNetwork(
        directory / (INT8_FILE if precision == "int8" else OPENVINO_FILE),
        size_px=manifest.input_size_px,
        threads=threads,
        precision=precision,
        logit_shift=measured.logit_shift if measured else 0.0,
    )
    return Classifier(manifest, runtime="openvino", network=network, precision=precision)
