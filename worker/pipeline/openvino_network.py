"""Compiles networks for the processor with OpenVINO, alike for the detector and the classifier."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from worker.pipeline.errors import BundleError
from worker.pipeline.precision import Precision

_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


def load_openvino() -> Any:
    """OpenVINO, kept from reporting home.

    Its converter and NNCF tell Google Analytics who uses them unless a file in the home directory forbids it. Both do
    without where their telemetry package cannot be imported; that also saves 0.2 s.
    """
    sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))
    # Imported where it is used, so that importing the pipeline stays cheap.
    import openvino  # noqa: PLC0415

    return openvino


def processor_capabilities() -> tuple[str, ...]:
    """What the processor has units for, in OpenVINO's words, such as BF16."""
    return tuple(load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def read_network(path: Path) -> Any:
    """The network in an .onnx or .xml file, not yet compiled.

    Raises:
        BundleError: it cannot be read.
    """
    try:
        return load_openvino().Core().read_model(path)
    except RuntimeError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise BundleError(f"{path} is no network that can be read ({last_line}): fetch or build it again") from error


def compile_network(network: Any, *, threads: int, precision: Precision = "float32") -> Any:
    """The network made ready for one process of `threads` threads; what is not quantised is in float32 for int8."""
    # Said always: processors with bfloat16 units would use them unasked, also where scores have not been compared.
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Left to itself OpenVINO binds the threads of every process to the same first cores: two processes of one
        # thread each then share a core, and the other one idles.
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        # What is prepared for a shape of input is kept; without a bound every new size of video costs 4 MB for good.
        "CPU_RUNTIME_CACHE_CAPACITY": 16,
    }
    return load_openvino().Core().compile_model(network, "CPU", options)


def take_pictures(network: Any) -> Any:
    """The same network (NCHW, float32, 0..255) taking pictures as they lie in memory: NHWC, uint8."""
    openvino = load_openvino()
    steps = openvino.preprocess.PrePostProcessor(network)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    return steps.build()
