"""Compiles networks for the processor with OpenVINO, alike for the detector and the classifier."""

from pathlib import Path
from typing import Any

from worker.pipeline.errors import BundleError


def read_network(path: Path) -> Any:
    """The network in an .onnx or .xml file, not yet compiled.

    Raises:
        BundleError: it cannot be read.
    """
    # Imported where it is used, so that importing the pipeline stays cheap.
    import openvino  # noqa: PLC0415

    try:
        return openvino.Core().read_model(path)
    except RuntimeError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise BundleError(f"{path} is no network that can be read ({last_line}): fetch or build it again") from error


def compile_network(network: Any, *, threads: int) -> Any:
    """The network made ready for one process of `threads` threads, in float32 on every processor."""
    import openvino  # noqa: PLC0415

    # Processors with bfloat16 units would use them unasked, and scores would depend on the machine.
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        # What is prepared for a shape of input is kept; without a bound every new size of video costs 4 MB for good.
        "CPU_RUNTIME_CACHE_CAPACITY": 16,
    }
    return openvino.Core().compile_model(network, "CPU", options)


def take_pictures(network: Any) -> Any:
    """The same network (NCHW, float32, 0..255) taking pictures as they lie in memory: NHWC, uint8."""
    from openvino import Layout, Type  # noqa: PLC0415
    from openvino.preprocess import PrePostProcessor  # noqa: PLC0415

    steps = PrePostProcessor(network)
    steps.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    steps.input().model().set_layout(Layout("NCHW"))
    return steps.build()
