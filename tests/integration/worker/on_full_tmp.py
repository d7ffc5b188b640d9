"""Stops a worker whose TMPDIR is full: `unshare --mount python -m tests.integration.worker.on_full_tmp FOLDER`.

It runs in a mount namespace of its own, so that the small disk is gone with it; what it saw is one JSON object on
standard output. Full means that there is neither a block nor a name left.
"""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from db.schema import upgrade_database
from db.session import open_database
from tests.integration.worker.installation import Installation
from tests.services import PostgresServer, ValkeyServer

STOPS_WITHIN_S = 60.0


def main() -> None:
    """Starts servers and a worker, fills, stops the worker, looks."""
    folder = Path(sys.argv[1])
    # SQLite would need the directory as well; what is looked at is the worker.
    server, valkey = PostgresServer(folder / "pg"), ValkeyServer(folder / "valkey")
    for one in (server, valkey):
        one.folder.mkdir()
        one.start()
    small = folder / "tmp"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=200", "tmpfs", str(small)], check=True)
    url = server.create_database()
    database = open_database(url)
    upgrade_database(database)
    installation = Installation(folder, database, url, valkey.url)
    installation.environment["TMPDIR"] = str(small)
    try:
        (scan_id,) = installation.submit(["hold-1"])
        worker = installation.start_worker(concurrency=1)
        installation.send(scan_id)
        installation.wait_begun("hold-1")
        _fill(small)
        started_s = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            worker.wait(STOPS_WITHIN_S)
        scan = installation.scan(scan_id)
        seen = {
            "took_s": time.monotonic() - started_s,
            "status": worker.poll(),
            "state": scan.state,
            "attempts": scan.attempts,
            "log": installation.log.read_text(),
        }
        json.dump(seen, sys.stdout)
    finally:
        installation.kill_workers()
        database.dispose()
        valkey.stop()
        server.stop()


def _fill(small: Path) -> None:
    with (small / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    with suppress(OSError):
        for number in range(1000):
            (small / f"filler-{number}").touch()


if __name__ == "__main__":
    main()
