"""Has a worker judge on a PostgreSQL whose disk fills meanwhile.

A driver of `tests.small_disks` with the arguments FOLDER data|wal. "data" fills the disk of the tables, which the
server survives; "wal" that of its log, which it does not: it ends, and is started again when there is room, as a
service manager does it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from db.history import keep_history
from db.invariants import read_history
from db.schema import upgrade_database
from db.session import open_database
from tests.integration.worker.installation import Installation
from tests.services import PostgresServer, ValkeyServer, wait_until
from tests.small_disks import SmallDisk

# Enough that what they leave in the tables needs room that these have not yet.
COUNT = 400
# An empty database takes 8 MB; the log takes at least two segments of 16.
SIZES = {"data": "24m", "wal": "72m"}
WAITS = re.compile(r"\[(\d+)[^]]*\] (.*); trying again in ([\d.]+) s")
LIMIT_S = 120.0


def main() -> None:
    """Starts servers and a worker, fills, looks, frees, waits for the end."""
    folder, part = Path(sys.argv[1]), sys.argv[2]
    server, disk = _server_on_small_disk(folder, part)
    valkey = ValkeyServer(folder / "valkey")
    valkey.folder.mkdir()
    valkey.start()
    url = server.create_database()
    if part == "data":
        _ask(server, f"ALTER DATABASE {_name_of(url)} SET TABLESPACE small")
    database = open_database(url)
    upgrade_database(database)
    keep_history(database)
    installation = Installation(folder, database, url, valkey.url)
    try:
        json.dump(_judge_on_full(disk, installation, server, part), sys.stdout)
    finally:
        installation.kill_workers()
        database.dispose()
        valkey.stop()
        server.stop()


def _judge_on_full(disk: SmallDisk, installation: Installation, server: PostgresServer, part: str) -> dict[str, Any]:
    installation.submit([f"quick-{number:03d}" for number in range(COUNT)])
    with installation.scheduler():
        worker = installation.start_worker()
        wait_until(lambda: installation.states()["judged"] >= 20, timeout_s=LIMIT_S, what="the first verdicts")
        disk.fill()
        if part == "wal":
            _use_up_log(server)
        # Long enough for the pauses to have grown.
        wait_until(lambda: max(_pauses(installation), default=0.0) >= 1.6, timeout_s=LIMIT_S, what="the waiting")
        was_alive, pauses = worker.poll() is None, _pauses(installation)
        disk.free()
        if part == "wal":
            server.start()
        wait_until(lambda: installation.states() == {"judged": COUNT}, timeout_s=LIMIT_S, what="the last verdict")
    with installation.database.read() as session:
        history = read_history(session)
    log = installation.log.read_text()
    return {
        "was_alive": was_alive,
        "is_alive": worker.poll() is None,
        "pauses": pauses,
        "said": sorted({found[2] for found in WAITS.finditer(log)}),
        "tracebacks": log.count("Traceback"),
        "verdicts": [sum(change.new_state == "judged" for change in changes) for changes in history.values()],
        "log": log[-4000:],
    }


def _server_on_small_disk(folder: Path, part: str) -> tuple[PostgresServer, SmallDisk]:
    server = PostgresServer(folder / "pg")
    server.folder.mkdir()
    server.start()
    user = server.folder.stat()
    small = server.folder / "small"
    small.mkdir()
    options = f"size={SIZES[part]},uid={user.st_uid},gid={user.st_gid},mode=700"
    disk = SmallDisk(small, options)
    if part == "data":
        _ask(server, f"CREATE TABLESPACE small LOCATION '{small}'")
        return server, disk
    server.stop()
    log = server.folder / "cluster" / "pg_wal"
    # With its owner and rights, which the server looks at.
    subprocess.run(["cp", "-a", str(log), str(small / "pg_wal")], check=True)
    shutil.rmtree(log)
    log.symlink_to(small / "pg_wal")
    server.start()
    return server, disk


def _use_up_log(server: PostgresServer) -> None:
    """Goes from segment to segment until there is none left, and no room to make one."""
    try:
        for _ in range(20):
            _ask(server, "SELECT pg_switch_wal(), txid_current()")
    except psycopg.Error:
        assert server.process is not None
        server.process.wait(LIMIT_S)
        return
    sys.exit("the log did not run out of room")


def _pauses(installation: Installation) -> list[float]:
    """The pauses of that process which has waited longest, in order."""
    by_process: dict[str, list[float]] = {}
    for found in WAITS.finditer(installation.log.read_text()):
        by_process.setdefault(found[1], []).append(float(found[3]))
    return max(by_process.values(), key=max, default=[])


def _ask(server: PostgresServer, query: str) -> None:
    address = f"host={server.folder} user=postgres dbname=postgres connect_timeout=5"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(query.encode())


def _name_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


if __name__ == "__main__":
    os.umask(0o022)
    main()
