"""Chooses what a drill is done on, from what the operator uses: the same kinds of servers, and never theirs."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from db.errors import DatabaseError
from db.scratch import create_scratch_database, drop_scratch_database
from scheduler.drill.installation import Installation
from scheduler.drill.servers import has_postgresql
from worker.settings import Settings

KINDS = ("auto", "embedded", "cluster")


class DrillError(Exception):
    """The drill cannot be done here: the message says why, and what to do next."""


@contextmanager
def private_installation(kind: str, settings: Settings, *, keep: Path | None) -> Iterator[Installation]:
    """An installation of one of `KINDS`, in a folder of its own that is gone afterwards.

    Args:
        kind: "auto" for the kind that `settings` are of.
        keep: an empty directory to use in its place, which is kept.

    Raises:
        DrillError: a cluster was asked for, and there is no PostgreSQL to be had.
    """
    is_cluster = kind == "cluster" or (kind == "auto" and not settings.is_embedded_broker)
    wants_postgresql = kind == "cluster" or (kind == "auto" and settings.effective_database_url.startswith("postgres"))
    is_ours = wants_postgresql and has_postgresql()
    with ExitStack() as ends:
        url = None
        if wants_postgresql and not is_ours:
            url = _scratch_url(settings)
            ends.callback(drop_scratch_database, url)
        folder = keep or Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="fsd-")))
        # PostgreSQL does not run as root, and its user has to look into its folder.
        folder.chmod(0o755)
        yield ends.enter_context(
            Installation(folder.resolve(), cluster=is_cluster, postgresql=is_ours, database_url=url)
        )


def _scratch_url(settings: Settings) -> str:
    advice = "put its programs (initdb, postgres) on the PATH, or add --on embedded"
    if settings.database_url is None or not settings.database_url.startswith("postgres"):
        raise DrillError(f"no PostgreSQL to start here, and FAKESWEEP_DATABASE_URL names none: {advice}")
    try:
        return create_scratch_database(settings.database_url)
    except DatabaseError as error:
        raise DrillError(
            f"no PostgreSQL to start here, and no scratch database to be made: {error}: {advice}"
        ) from error
