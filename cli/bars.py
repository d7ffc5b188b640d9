"""A bar on standard error for work that may take a while."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar where a person looks, a line where nobody does; told how much is done, of how much."""
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as progress:

        def tell(done: int, of: int) -> None:
            progress.length = of
            progress.update(done - progress.pos)

        yield tell
