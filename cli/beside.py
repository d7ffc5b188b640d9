"""Runs works beside a command's own, each in a thread."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Pause = Callable[[float], bool]
"""Waits so many seconds and says whether to stop."""

# A work may be waiting for a slow disk when it is told to stop; it must bear being left behind.
_THREAD_ENDS_WITHIN_S = 5.0


@contextmanager
def works_beside(works: Sequence[Callable[[Pause], None]], stop: threading.Event) -> Iterator[Callable[[], None]]:
    """Runs the works until the block ends or `stop` is set; a defect in one of them sets it.

    What it yields raises that defect.
    """
    defects: list[BaseException] = []

    def run(work: Callable[[Pause], None]) -> None:
        try:
            work(stop.wait)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            defects.append(error)
            stop.set()

    def check() -> None:
        if defects:
            raise defects[0]

    threads = [threading.Thread(target=run, args=(work,), name="beside", daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield check
    finally:
        stop.set()
        for thread in threads:
            thread.join(_THREAD_ENDS_WITHIN_S)
