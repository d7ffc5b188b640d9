"""Runs the networks alone: what they were given while a video was judged is kept, and given to them again."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

_CLASSIFIER_OUTPUT = "logit"


@dataclass(frozen=True)
class Call:
    """One run of a network: the request that ran, and what it was given."""

    request: Any
    inputs: dict[Any, Any]

    @property
    def is_classifier(self) -> bool:
        """Whether the classifier ran, and not the detector."""
        outputs = self.request.get_compiled_model().outputs
        return any(_CLASSIFIER_OUTPUT in output.get_names() for output in outputs)


@contextmanager
def kept_calls() -> Iterator[list[Call]]:
    """Keeps every run of OpenVINO in this process, in order, while the block runs."""
    import openvino  # noqa: PLC0415 - only the measuring process loads it

    calls: list[Call] = []
    kept = {name: getattr(openvino.InferRequest, name) for name in ("infer", "start_async")}

    def keeping(run: Callable[..., Any]) -> Callable[..., Any]:
        def keep(request: Any, inputs: Any = None, *rest: Any, **named: Any) -> Any:
            calls.append(Call(request, _copied(request, inputs)))
            return run(request, inputs, *rest, **named)

        return keep

    for name, run in kept.items():
        setattr(openvino.InferRequest, name, keeping(run))
    try:
        yield calls
    finally:
        for name, run in kept.items():
            setattr(openvino.InferRequest, name, run)


def seconds_alone(calls: list[Call]) -> float:
    """Wall seconds of the networks for the same inputs, and nothing else."""
    started_s = time.perf_counter()
    for call in calls:
        call.request.infer(call.inputs, share_inputs=True, share_outputs=True)
    return time.perf_counter() - started_s


def _copied(request: Any, inputs: Any) -> dict[Any, Any]:
    if isinstance(inputs, dict):
        return {key: np.array(value if isinstance(value, np.ndarray) else value.data) for key, value in inputs.items()}
    if inputs is not None:
        return {0: np.array(inputs if isinstance(inputs, np.ndarray) else inputs.data)}
    count = len(request.get_compiled_model().inputs)
    return {number: np.array(request.get_input_tensor(number).data) for number in range(count)}
