"""Runs the networks alone: what they were given while a video was judged is kept, and given to them again."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CLASSIFIER_OUTPUT = "logit"
_ON_TENSORFLOW = {
    "worker.pipeline.keras_function": ("KerasFunction", True),
    "worker.pipeline.tensorflow_detector": ("TensorflowDetector", False),
}
"""Modules that run a network on TensorFlow: their class, and whether it is the classifier."""


@dataclass(frozen=True)
class Call:
    """One run of a network: how to run it once more on the same pictures."""

    again: Callable[[], object]
    is_classifier: bool


@contextmanager
def kept_calls() -> Iterator[list[Call]]:
    """Keeps every run of a network in this process, in order, while the block runs; of those that are loaded by now."""
    import openvino  # noqa: PLC0415 - only the measuring process loads it

    calls: list[Call] = []

    with ExitStack() as kept:
        kept.enter_context(_keeping(openvino.InferRequest, "infer", _of_openvino, calls))
        for module, (name, is_classifier) in _ON_TENSORFLOW.items():
            if module in sys.modules:
                kept.enter_context(
                    _keeping(
                        getattr(sys.modules[module], name), "run", _of_tensorflow(is_classifier=is_classifier), calls
                    )
                )
        yield calls


def seconds_alone(calls: list[Call]) -> float:
    """Wall seconds of the networks for the same inputs, and nothing else."""
    started_s = time.perf_counter()
    for call in calls:
        call.again()
    return time.perf_counter() - started_s


@contextmanager
def _keeping(of: type, name: str, call_of: Callable[..., Call], calls: list[Call]) -> Iterator[None]:
    run = getattr(of, name)

    def keep(*arguments: Any, **named: Any) -> Any:
        calls.append(call_of(run, *arguments, **named))
        return run(*arguments, **named)

    setattr(of, name, keep)
    try:
        yield
    finally:
        setattr(of, name, run)


def _of_openvino(run: Callable[..., Any], request: Any, inputs: Any = None, **_: Any) -> Call:
    again = partial(run, request, _copied(request, inputs), share_inputs=True, share_outputs=True)
    outputs = request.get_compiled_model().outputs
    return Call(again, any(_CLASSIFIER_OUTPUT in output.get_names() for output in outputs))


def _of_tensorflow(*, is_classifier: bool) -> Callable[..., Call]:
    def call_of(run: Callable[..., Any], network: Any, pictures: NDArray[np.uint8]) -> Call:
        return Call(partial(run, network, pictures.copy()), is_classifier)

    return call_of


def _copied(request: Any, inputs: Any) -> dict[Any, Any]:
    if isinstance(inputs, dict):
        return {key: np.array(value if isinstance(value, np.ndarray) else value.data) for key, value in inputs.items()}
    if inputs is not None:
        return {0: np.array(inputs if isinstance(inputs, np.ndarray) else inputs.data)}
    count = len(request.get_compiled_model().inputs)
    return {number: np.array(request.get_input_tensor(number).data) for number in range(count)}
