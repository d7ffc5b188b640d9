"""Stops a worker whose TMPDIR is full; a driver of `tests.small_disks` with the argument FOLDER.

Full means that there is neither a block nor a name left.
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
from tests.small_disks import SmallDisk

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
    disk = SmallDisk(small, "size=4m,nr_inodes=200")
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
        disk.fill(with_names=True)
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


if __name__ == "__main__":
    main()
