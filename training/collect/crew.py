"""Lets a few threads do the waiting while one thread decides."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Crew(Generic[Task, Result]):
    """Threads that do one kind of work; tasks are given and results taken by the thread that made the crew.

    The threads do not keep the process alive, so that a second Ctrl-C ends it.

    Args:
        work: done to each task; what it raises is its result.
        threads: how many.
    """

    def __init__(self, work: Callable[[Task], Result], *, threads: int) -> None:
        self._work = work
        self._threads = threads
        self._given: queue.SimpleQueue[tuple[Task] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Task, Result | Exception]] = queue.SimpleQueue()
        self.under_way = 0
        for _ in range(threads):
            threading.Thread(target=self._run, daemon=True).start()

    @property
    def has_room(self) -> bool:
        """Whether another task would soon be begun."""
        return self.under_way < 2 * self._threads

    def give(self, task: Task) -> None:
        """Adds a task."""
        self.under_way += 1
        self._given.put((task,))

    def take(self) -> tuple[Task, Result | Exception]:
        """Waits for the next task that is done, and gives it with its result."""
        done = self._done.get()
        self.under_way -= 1
        return done

    def close(self) -> None:
        """Lets the threads end after the tasks that they have."""
        for _ in range(self._threads):
            self._given.put(None)

    def _run(self) -> None:
        while (given := self._given.get()) is not None:
            task = given[0]
            try:
                self._done.put((task, self._work(task)))
            except Exception as error:  # noqa: BLE001 - whoever takes it raises it
                self._done.put((task, error))
