"""The networks that a host serves: loaded when they are asked for, by kind, and the latest few kept.

Another kind of network is one more line in `LOADERS`: a function that takes where it lies, the hash that it must have
and how exactly it shall calculate, and gives an object with `run` and `takes` (`host_batches.RunnableNetwork`).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from worker.pipeline.bundle import KERAS_FILE, sha256_of_manifest, verify_bundle
from worker.pipeline.detector_file import DETECTOR_SHA256, find_detector
from worker.pipeline.errors import BundleError
from worker.pipeline.host_batches import BatchingNetwork, RunnableNetwork
from worker.pipeline.host_wire import NetworkName
from worker.pipeline.precision import WantedPrecision

NETWORKS_KEPT = 3
"""The detector, the classifier that judges, and the one before or after it while an archive moves over."""
CLASSIFIER = "classifier"
DETECTOR = "detector"

Loader = Callable[[Path, str, WantedPrecision], RunnableNetwork]


def load_hosted_classifier(directory: Path, sha256: str, precision: WantedPrecision) -> RunnableNetwork:
    """The network of a verified bundle on TensorFlow; its arrays are logits (n, 1) and, where it has any, heat maps.

    Args:
        directory: of the bundle.
        sha256: of its manifest.
        precision: float32, or anything else for half precision.

    Raises:
        BundleError: the bundle is another one, altered or cannot be loaded.
    """
    # Here, as it may load TensorFlow.
    from worker.pipeline.keras_function import KerasFunction  # noqa: PLC0415

    manifest = verify_bundle(directory)
    if sha256_of_manifest(directory) != sha256:
        raise BundleError(f"the bundle at {directory} was replaced by another: import it anew")
    return KerasFunction(directory / KERAS_FILE, size_px=manifest.input_size_px, precision=precision)


def load_hosted_detector(path: Path, sha256: str, precision: WantedPrecision) -> RunnableNetwork:
    """CenterFace on TensorFlow; its arrays are those of `detector_network.DetectorNetwork`.

    Args:
        path: the ONNX file.
        sha256: its hash.
        precision: float32, or anything else for half precision.

    Raises:
        BundleError: it is another file than the one that is known, or cannot be loaded.
        GpuMemoryError: there is no memory for it.
    """
    # Here, as it may load TensorFlow.
    from worker.pipeline.tensorflow_detector import TensorflowDetector  # noqa: PLC0415

    if sha256 != DETECTOR_SHA256:
        raise BundleError(f"there is no face detector with the hash {sha256[:12]}: restart the worker")
    return TensorflowDetector(find_detector(path), precision=precision)


LOADERS: Mapping[str, Loader] = {CLASSIFIER: load_hosted_classifier, DETECTOR: load_hosted_detector}
"""By kind."""


class UnservedError(Exception):
    """There is no such kind of network, or it takes no such pictures."""


class HostedNetworks:
    """The latest networks that were asked for.

    Args:
        precision: that they calculate in.
        loaders: by kind.
        kept: how many.
    """

    def __init__(
        self, precision: WantedPrecision, *, loaders: Mapping[str, Loader] = LOADERS, kept: int = NETWORKS_KEPT
    ) -> None:
        self._precision = precision
        self._loaders = loaders
        self._kept = kept
        self._networks: OrderedDict[NetworkName, BatchingNetwork] = OrderedDict()

    def find(self, name: NetworkName, shape: tuple[int, int, int]) -> BatchingNetwork:
        """The network, loaded if it is not; then the one that was not asked for the longest goes.

        Args:
            name: of the network.
            shape: height, width and number of channels of the pictures that it shall see.

        Raises:
            BundleError: it cannot be loaded.
            GpuMemoryError: there is no memory for it.
            UnservedError: nothing loads this kind, or it takes no such pictures.
        """
        if name.kind not in self._loaders:
            raise UnservedError(f"there is no network of kind {name.kind!r}")
        if name not in self._networks:
            load = self._loaders[name.kind]
            while len(self._networks) >= self._kept:
                self._networks.popitem(last=False)
            self._networks[name] = BatchingNetwork(load(Path(name.place), name.sha256, self._precision))
        self._networks.move_to_end(name)
        network = self._networks[name]
        if not network.takes(shape):
            raise UnservedError(f"the network at {name.place} takes no pictures of {shape}")
        return network

    def forget(self, name: NetworkName) -> None:
        """Lets go of one that there is no memory for."""
        self._networks.pop(name, None)
