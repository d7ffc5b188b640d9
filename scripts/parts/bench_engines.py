"""Measures the two networks alone, on every engine and in every precision that this machine has, by size of batch.

On a processor that is OpenVINO. On a GPU it is TensorFlow, or, where there is a GPU and no TensorFlow, the classifier
on Keras with JAX.
"""

import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from worker.pipeline.bundle import INT8_FILE, KERAS_FILE, OPENVINO_FILE, verify_bundle
from worker.pipeline.detector_file import find_detector
from worker.pipeline.gpu import may_have_gpu
from worker.pipeline.openvino_classifier import OpenvinoNetwork
from worker.pipeline.openvino_detector import OpenvinoDetector
from worker.pipeline.openvino_network import processor_capabilities
from worker.pipeline.precision import WantedPrecision, usable_precisions
from worker.resources import packaged_bundle
from worker.settings import read_settings

Engines = Literal["processor", "tensorflow", "jax"]
CANVAS_PX = (288, 384)
"""Height and width of what the detector is given: a frame of 640x480."""
_GPU_CROPS = (1, 8, 32, 128)
_GPU_CANVASES = (1, 4, 16)
_PROCESSOR_CROPS = 8
_UNMEASURED = 3
"""First rounds, for what only they prepare."""


@dataclass(frozen=True)
class Runnable:
    """A network that is loaded, and what it is measured with."""

    network: str
    engine: Engines
    precision: str
    run: Callable[[NDArray[np.uint8]], object]
    shape: tuple[int, int, int]
    batches: Sequence[int]


@dataclass(frozen=True)
class Speed:
    """One line of the table: medians of wall seconds."""

    network: str
    engine: Engines
    precision: str
    batch: int
    ms_a_picture: float
    pictures_a_second: float


def measure_engines(
    *, rounds: int = 25, engines: Sequence[Engines] | None = None, on_step: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Milliseconds a picture of each network, as medians of rounds in which all that is loaded runs in turn.

    Args:
        rounds: that count, after a few that do not.
        engines: None for those that this machine has.

    Raises:
        BundleError: the classifier or the detector is missing or altered.
    """
    settings = read_settings()
    bundle = Path(settings.classifier) if settings.classifier else packaged_bundle()
    size_px = verify_bundle(bundle).input_size_px
    loaded = []
    for engine in engines or engines_here():
        on_step(f"loading the networks for {engine}")
        loaded += list(_LOADERS[engine](bundle, size_px))
    on_step("running them in turn")
    return {"engines": [asdict(speed) for speed in _time(loaded, rounds)]}


def engines_here() -> list[Engines]:
    """What this machine can judge with, the processor first."""
    found: list[Engines] = ["processor"]
    if may_have_gpu():
        if importlib.util.find_spec("tensorflow") is None:
            found += ["jax"] if importlib.util.find_spec("jax") else []
        else:
            from worker.pipeline.keras_classifier import usable_gpus  # noqa: PLC0415 - TensorFlow

            found += ["tensorflow"] if usable_gpus() else []
    return found


def print_engines(figures: Mapping[str, Any], console: Console) -> None:
    """One row per network, engine, precision and size of batch."""
    table = Table("network", "engine", "precision", "batch", "ms a picture", "pictures a second")
    for column in table.columns[3:]:
        column.justify = "right"
    for one in figures["engines"]:
        speeds = (f"{one['ms_a_picture']:.2f}", f"{one['pictures_a_second']:.0f}")
        table.add_row(one["network"], one["engine"], one["precision"], str(one["batch"]), *speeds)
    console.print(table)


def _on_processor(bundle: Path, size_px: int) -> Iterator[Runnable]:
    for precision in usable_precisions(processor_capabilities()):
        if precision != "int8":
            detector = OpenvinoDetector(find_detector(), precision=precision)
            yield Runnable("detector", "processor", precision, detector.run, (*CANVAS_PX, 3), (1,))
        path = bundle / (INT8_FILE if precision == "int8" else OPENVINO_FILE)
        if path.exists():
            network = OpenvinoNetwork(path, size_px=size_px, threads=1, precision=precision)
            yield Runnable(
                "classifier", "processor", precision, network.run, (size_px, size_px, 3), (_PROCESSOR_CROPS,)
            )


def _on_tensorflow(bundle: Path, size_px: int) -> Iterator[Runnable]:
    from worker.pipeline.keras_function import KerasFunction  # noqa: PLC0415 - TensorFlow
    from worker.pipeline.tensorflow_detector import TensorflowDetector  # noqa: PLC0415 - TensorFlow

    wanted: tuple[WantedPrecision, ...] = ("float32", "auto")
    for precision in wanted:
        detector = TensorflowDetector(find_detector(), precision=precision)
        name = "float32" if precision == "float32" else "float16"
        yield Runnable("detector", "tensorflow", name, detector.run, (*CANVAS_PX, 3), _GPU_CANVASES)
        network = KerasFunction(bundle / KERAS_FILE, size_px=size_px, precision=precision)
        name = "float16" if network.is_in_half else "float32"
        yield Runnable("classifier", "tensorflow", name, network.run, (size_px, size_px, 3), _GPU_CROPS)


def _on_jax(bundle: Path, size_px: int) -> Iterator[Runnable]:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras  # noqa: PLC0415 - only now, with that backend

    network = keras.saving.load_model(bundle / KERAS_FILE, compile=False, safe_mode=True)

    def run(crops: NDArray[np.uint8]) -> object:
        return network.predict_on_batch(crops.astype(np.float32))

    yield Runnable("classifier", "jax", "float32", run, (size_px, size_px, 3), _GPU_CROPS)


_LOADERS: Mapping[Engines, Callable[[Path, int], Iterator[Runnable]]] = {
    "processor": _on_processor,
    "tensorflow": _on_tensorflow,
    "jax": _on_jax,
}


def _time(loaded: Sequence[Runnable], rounds: int) -> list[Speed]:
    random = np.random.default_rng(1)
    jobs = [(one, random.integers(0, 256, (batch, *one.shape), np.uint8)) for one in loaded for batch in one.batches]
    seconds: list[list[float]] = [[] for _ in jobs]
    for number in range(_UNMEASURED + rounds):
        for place, (one, pictures) in enumerate(jobs):
            started_s = time.perf_counter()
            one.run(pictures)
            if number >= _UNMEASURED:
                seconds[place].append(time.perf_counter() - started_s)
    return [_speed(one, len(pictures), median(took)) for (one, pictures), took in zip(jobs, seconds, strict=True)]


def _speed(one: Runnable, batch: int, seconds: float) -> Speed:
    return Speed(
        one.network,
        one.engine,
        one.precision,
        batch,
        ms_a_picture=round(1000 * seconds / batch, 3),
        pictures_a_second=round(batch / seconds, 1),
    )
