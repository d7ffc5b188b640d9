"""The worker that a command runs beside itself: `python -m worker.local PIPE QUEUES [CONCURRENCY]`.

Stops when the pipe's other end is closed, hence also when the command is killed.
"""

import sys

from db.errors import DatabaseError
from worker.broker import BrokerError
from worker.pipeline.errors import PipelineError
from worker.serve import run_worker
from worker.settings import SettingsError, read_settings


def main(pipe: str, queues: str, concurrency: str = "") -> int:
    """Runs the worker; an expected error becomes one line."""
    try:
        return run_worker(
            read_settings(),
            concurrency=int(concurrency) if concurrency else None,
            queues=queues.split(","),
            parent_pipe=int(pipe),
        )
    except (BrokerError, DatabaseError, SettingsError, PipelineError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        # Of the machine: no room for the worker's notes, no right to its directory.
        where = "" if error.filename is None else f" ({error.filename!r})"
        sys.stderr.write(f"the worker cannot run here: {error.strerror or error}{where}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
