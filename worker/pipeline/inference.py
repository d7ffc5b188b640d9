"""Runs a compiled network, and takes its answer only where it has written one.

OpenVINO may come back without an error and without having calculated, when memory runs short (seen in 2026.2): what
then lies in the place of the answer is that of the pictures before, or nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.errors import Reason, TransientError, UnreadableVideoError

_UNWRITTEN = np.float32(-3.0e38)
"""No network says so: it is what an answer is overwritten with before the next is asked for."""

_NO_MEMORY_WORDS = ("bad_alloc", "Insufficient memory", "could not create a memory", "out of memory")
"""How OpenVINO, OpenCV and oneDNN say it, in errors that are not Python's own."""


def infer(request: Any, pictures: NDArray[Any]) -> Any:
    """The network's answer to a batch of pictures, by output, as OpenVINO gives it.

    The answer lies in the request's own memory, which the next run writes over, and the pictures are read where they
    are.

    Raises:
        TransientError: memory ran out, whether OpenVINO says so or not.
    """
    for tensor in request.output_tensors:
        tensor.data.fill(_UNWRITTEN)
    try:
        outputs = request.infer({0: pictures}, share_inputs=True, share_outputs=True)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise _no_memory("it said so") from error
        raise
    for tensor in request.output_tensors:
        answer = tensor.data
        if answer.shape[:1] != (len(pictures),) or (answer.size and answer.reshape(-1)[-1] == _UNWRITTEN):
            raise _no_memory(f"no answer to {len(pictures)} pictures")
    return outputs


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory, in the words of whatever raised it."""
    if isinstance(error, UnreadableVideoError):
        # Its decoder was over the limit; this process has memory.
        return False
    is_ours = isinstance(error, TransientError) and error.reason == Reason.MEMORY_LIMIT
    return is_ours or isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY_WORDS)


def _no_memory(what: str) -> TransientError:
    detail = (
        f"the network could not be run, as memory is short ({what}): give this worker more, or fewer videos at once"
    )
    return TransientError(Reason.MEMORY_LIMIT, detail)
