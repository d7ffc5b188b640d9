"""Judges face crops with the network of a bundle: OpenVINO on processors, TensorFlow where a GPU is visible."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.bundle import KERAS_FILE, OPENVINO_FILE, verify_bundle
from worker.pipeline.errors import BundleError
from worker.pipeline.manifest import Manifest
from worker.pipeline.openvino_network import compile_network, read_network

Crops = NDArray[np.uint8]
"""Faces: (n, side, side, 3), RGB, uint8."""

Device = Literal["auto", "cpu", "gpu"]

BATCH_SIZE = 8
"""Crops per call on the processor: the network is compiled for this number alone, and for one."""
GPU_BATCH_SIZE = 32

_Network = Callable[[Crops], tuple[NDArray[np.float32], NDArray[np.float32]]]
_GPU_NODES = ("/dev/nvidia0", "/dev/kfd")


@dataclass(frozen=True)
class Judgement:
    """What the network says of n crops.

    Args:
        logits: (n,), float32; above 0 the network leans to fake, before calibration.
        heat_maps: (n, rows, columns), float32: the class activation map of "fake" (Zhou et al., 2016); a logit is
            the mean of its map.
    """

    logits: NDArray[np.float32]
    heat_maps: NDArray[np.float32]

    def __post_init__(self) -> None:
        if len(self.logits) != len(self.heat_maps):
            raise ValueError(f"{len(self.logits)} logits do not go with {len(self.heat_maps)} heat maps")


class Classifier:
    """A loaded network with its manifest.

    Args:
        manifest: of the bundle.
        runtime: the engine that judges, "openvino" or "tensorflow".
        network: takes (batch, side, side, 3) uint8 and gives logits and heat maps.
        batch_sizes: numbers of crops that the network takes, rising.
    """

    def __init__(self, manifest: Manifest, *, runtime: str, network: _Network, batch_sizes: tuple[int, ...]) -> None:
        self.manifest = manifest
        self.runtime = runtime
        self._network = network
        self._batch_sizes = batch_sizes

    @property
    def batch_size(self) -> int:
        """How many crops at once cost least."""
        return self._batch_sizes[-1]

    def judge(self, crops: Crops) -> Judgement:
        """Judges any number of crops, in batches of fixed size.

        Args:
            crops: (n, side, side, 3), RGB, uint8, with n of at least 1 and the manifest's side.
        """
        side = self.manifest.input_size_px
        if crops.dtype != np.uint8 or crops.shape[1:] != (side, side, 3) or not len(crops):
            raise ValueError(f"crops must be (n, {side}, {side}, 3) of uint8, got {crops.shape} of {crops.dtype}")
        parts = [
            self._judge_batch(crops[start : start + self.batch_size]) for start in range(0, len(crops), self.batch_size)
        ]
        return Judgement(
            np.concatenate([logits for logits, _ in parts]), np.concatenate([heat_maps for _, heat_maps in parts])
        )

    def _judge_batch(self, crops: Crops) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        count = len(crops)
        size = next(size for size in self._batch_sizes if size >= count)
        if size > count:
            padded = np.zeros((size, *crops.shape[1:]), np.uint8)
            padded[:count] = crops
            crops = padded
        logits, heat_maps = self._network(np.ascontiguousarray(crops))
        return logits.reshape(size)[:count].copy(), heat_maps[:count].copy()


def load_classifier(directory: Path, *, device: Device = "auto", threads: int = 1) -> Classifier:
    """The classifier in a bundle whose hashes have been checked.

    Args:
        directory: the bundle.
        device: "gpu" and "cpu" force one; "auto" takes a GPU where TensorFlow sees one.
        threads: of one call on the processor.

    Raises:
        BundleError: the bundle is missing or altered, or a GPU is asked for and none is usable.
    """
    manifest = verify_bundle(directory)
    if device == "gpu" or (device == "auto" and is_gpu_likely()):
        network = _tensorflow_network(directory, manifest)
        if network is not None:
            return Classifier(manifest, runtime="tensorflow", network=network, batch_sizes=(GPU_BATCH_SIZE,))
        if device == "gpu":
            raise BundleError("FAKESWEEP_DEVICE is gpu, and TensorFlow sees none: install its GPU build, or set cpu")
    network = _openvino_network(directory, manifest, threads=threads)
    return Classifier(manifest, runtime="openvino", network=network, batch_sizes=(1, BATCH_SIZE))


def is_gpu_likely() -> bool:
    """Whether this machine shows a GPU's device file; asking TensorFlow itself costs seconds."""
    return any(Path(node).exists() for node in _GPU_NODES)


def _openvino_network(directory: Path, manifest: Manifest, *, threads: int) -> _Network:
    requests: dict[int, Any] = {}

    def request_for(count: int) -> Any:
        # Compiled for a fixed number each: shapes known in advance run faster than open ones.
        if count not in requests:
            network = read_network(directory / OPENVINO_FILE)
            network.reshape([count, manifest.input_size_px, manifest.input_size_px, 3])
            compiled = compile_network(_take_bytes(network), threads=threads)
            requests[count] = compiled.create_infer_request()
        return requests[count]

    def judge(crops: Crops) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        # Shared memory: the network reads the crops where they lie.
        request = request_for(len(crops))
        request.infer({0: crops}, share_inputs=True, share_outputs=True)
        return request.get_tensor("logit").data, request.get_tensor("heat_map").data

    return judge


def _take_bytes(network: Any) -> Any:
    from openvino import Type  # noqa: PLC0415 - loaded by processes that judge, not by those that read a manifest
    from openvino.preprocess import PrePostProcessor  # noqa: PLC0415 - as above

    steps = PrePostProcessor(network)
    steps.input().tensor().set_element_type(Type.u8)
    return steps.build()


def _tensorflow_network(directory: Path, manifest: Manifest) -> _Network | None:
    """The Keras network as a compiled function on the GPU; None where TensorFlow sees no GPU."""
    # Seconds and gigabytes: never on the way of a processor-only worker.
    import tensorflow  # noqa: PLC0415

    gpus = tensorflow.config.list_physical_devices("GPU")
    if not gpus:
        return None
    for gpu in gpus:
        # Several worker processes share a GPU, so none may take all of its memory at the start.
        tensorflow.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003 - TensorFlow's signature
    return keras_network(directory, manifest)


def keras_network(directory: Path, manifest: Manifest) -> _Network:
    """The Keras network as a compiled TensorFlow function of one batch size, wherever TensorFlow runs it."""
    import keras  # noqa: PLC0415 - see _tensorflow_network
    import tensorflow  # noqa: PLC0415 - see _tensorflow_network

    try:
        # Safe mode: a network file cannot bring code.
        network = keras.saving.load_model(directory / KERAS_FILE, compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError) as error:
        raise BundleError(f"{directory / KERAS_FILE} is no network that Keras can read ({error})") from error
    side = manifest.input_size_px
    signature = tensorflow.TensorSpec((GPU_BATCH_SIZE, side, side, 3), tensorflow.uint8)

    @tensorflow.function(input_signature=[signature], jit_compile=False)  # type: ignore[untyped-decorator]
    def call(crops: Any) -> Any:
        return network(tensorflow.cast(crops, tensorflow.float32), training=False)

    def judge(crops: Crops) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        found = call(crops)
        return found["logit"].numpy(), found["heat_map"].numpy()

    return judge
