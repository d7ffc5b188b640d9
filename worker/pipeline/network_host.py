"""The process that owns a worker's GPU and judges for all of its judging processes.

Its descriptor 0 is the listening socket, which the worker's main process made: whoever connects while this process
starts, or after it died and until the next one runs, only waits a little longer. It has one thread that does
everything in turn. While a batch runs, requests wait in their sockets; then all of them are read at once, and those for
the same network go together (`worker.pipeline.host_batches`). A second thread ends the process when the worker is gone,
or when one step takes so long that it must hang.

Whoever speaks to it is a child of the same worker, which reads strangers' videos: what it says is checked, and costs
nobody but itself.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.becoming import die_with
from worker.pipeline.errors import BundleError
from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.host_batches import take_together
from worker.pipeline.host_caller import Caller, HungUpError
from worker.pipeline.host_networks import HostedNetworks, UnservedError
from worker.pipeline.host_wire import BAD_BUNDLE, NO_GPU_STATUS, NO_MEMORY, Answer, Takes
from worker.pipeline.precision import WantedPrecision

_log = logging.getLogger(__name__)

STEP_WITHIN_S = 120.0
"""To start, to load a network or to run a batch takes seconds; what takes minutes hangs in a driver."""
MOST_CALLERS = 512
_LOOK_S = 0.5


class Steps:
    """What the host is at, for those who look whether it hangs."""

    def __init__(self) -> None:
        self._began: float | None = None

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Within it the host works."""
        self._began = time.monotonic()
        yield
        self._began = None

    def lasts_s(self) -> float:
        """For how long it has been at this step, 0 between two."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began


class NetworkHost:
    """Answers whoever connects.

    Args:
        listener: a listening socket of `host_wire.open_socket`.
        networks: that it serves.
        steps: told when it is at work.
    """

    def __init__(self, listener: socket.socket, networks: HostedNetworks, steps: Steps) -> None:
        listener.settimeout(0)
        self._steps = steps
        self._listener = listener
        self._networks = networks
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        # In the order in which they asked.
        self._waiting: list[Caller] = []
        self._callers: set[Caller] = set()

    def serve(self) -> NoReturn:
        """Answers for ever."""
        while True:
            self.hear(None if not self._waiting else 0.0)
            if self._waiting:
                self.answer_some()

    def hear(self, timeout_s: float | None) -> None:
        """Takes in all that was said meanwhile; waits for something where there is a timeout, or None for ever."""
        for key, _ in self._selector.select(timeout_s):
            caller = key.data
            if caller is None:
                self._accept()
                continue
            try:
                if caller.hear():
                    self._waiting.append(caller)
            except (HungUpError, ValueError, OSError) as error:
                self._hang_up(caller, error)

    def answer_some(self) -> None:
        """Answers all that fit into one batch with the one who waits for the longest."""
        taken = take_together(self._waiting)
        self._waiting = [caller for caller in self._waiting if caller not in taken]
        with self._steps.step():
            self._answer(taken)

    def _answer(self, callers: list[Caller]) -> None:
        request = callers[0].request
        try:
            network = self._networks.find(request.network, request.shape[1:])
        except BundleError as error:
            self._say(callers, Answer(error=BAD_BUNDLE, message=str(error)))
            return
        except GpuMemoryError as error:
            self._say(callers, Answer(error=NO_MEMORY, message=str(error)))
            return
        except UnservedError as error:
            for caller in callers:
                self._hang_up(caller, error)
            return
        # Only now, so that the host holds the pictures of one batch and of no more.
        ends = np.cumsum([caller.request.shape[0] for caller in callers])
        pictures = np.empty((int(ends[-1]), *request.shape[1:]), np.uint8)
        places = list(zip(callers, [0, *ends[:-1]], ends, strict=True))
        here = [(caller, start, end) for caller, start, end in places if self._take(caller, pictures[start:end])]
        try:
            arrays = network.run(pictures)
        except GpuMemoryError as error:
            self._networks.forget(request.network)
            self._say([caller for caller, _, _ in here], Answer(error=NO_MEMORY, message=str(error)))
            return
        for caller, start, end in here:
            with self._or_hang_up(caller):
                caller.give([array[start:end] for array in arrays])

    def _take(self, caller: Caller, pictures: NDArray[np.uint8]) -> bool:
        with self._or_hang_up(caller):
            caller.take(pictures)
        return caller in self._callers

    def _say(self, callers: list[Caller], answer: Answer) -> None:
        for caller in callers:
            with self._or_hang_up(caller):
                caller.say(answer)

    @contextlib.contextmanager
    def _or_hang_up(self, caller: Caller) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            self._hang_up(caller, error)

    def _accept(self) -> None:
        try:
            channel, _ = self._listener.accept()
        except OSError as error:
            _log.warning("the network host cannot take another caller: %s", error)
            time.sleep(_LOOK_S)
            return
        if len(self._callers) >= MOST_CALLERS:
            channel.close()
            return
        caller = Caller(channel)
        self._callers.add(caller)
        self._selector.register(channel, selectors.EVENT_READ, caller)

    def _hang_up(self, caller: Caller, error: Exception) -> None:
        if caller not in self._callers:
            return
        if not isinstance(error, HungUpError):
            _log.warning("the network host hangs up on process %s: %s", caller.pid, error)
        self._callers.remove(caller)
        self._waiting = [waiting for waiting in self._waiting if waiting is not caller]
        self._selector.unregister(caller.channel)
        caller.close(error)


def main(parent: int, precision: WantedPrecision, takes: Takes) -> NoReturn:
    """Serves until the worker is gone.

    Args:
        parent: the worker's main process, of which the thread that started this one must live as long.
        precision: that networks calculate in.
        takes: `any` also where TensorFlow has no GPU.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        # A service manager may signal every process of the worker, whose running scans still need this one.
        signal.signal(number, signal.SIG_IGN)
    # By the kernel: an engine that hangs may let no thread of ours run.
    die_with(parent)
    steps = Steps()
    threading.Thread(target=_watch, args=(parent, steps), name="watch", daemon=True).start()
    try:
        _serve(precision, takes, steps)
    except Exception:  # noqa: BLE001 - whatever a driver raises, this process is not to be trusted after it
        _log.exception("the network host ends")
    os._exit(1)


def _serve(precision: WantedPrecision, takes: Takes, steps: Steps) -> None:
    from worker.pipeline.keras_classifier import usable_gpus  # noqa: PLC0415 - TensorFlow, under the watch's eyes

    with steps.step():
        found = usable_gpus()
    if not found and takes == "gpu":
        _log.warning("TensorFlow sees no GPU: the network host ends, and processes judge on the processor")
        os._exit(NO_GPU_STATUS)
    _log.info("the network host is ready, on %s", ", ".join(found) or "the processor")
    NetworkHost(socket.socket(fileno=0), HostedNetworks(precision), steps).serve()


def _watch(parent: int, steps: Steps) -> None:
    while os.getppid() == parent:
        if steps.lasts_s() > STEP_WITHIN_S:
            _log.error("the network host hangs, and ends: a step took over %g s", STEP_WITHIN_S)
            break
        time.sleep(_LOOK_S)
    # Not an orderly end, which would wait for whatever the engine is doing.
    os.kill(os.getpid(), signal.SIGKILL)


def as_program() -> NoReturn:
    """`main` with the last arguments of a command line: parent, precision, takes."""
    parent, precision, takes = sys.argv[-3:]
    main(int(parent), cast("WantedPrecision", precision), cast("Takes", takes))
