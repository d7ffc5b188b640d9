"""The embedded broker: one server for all its users, none when they are gone, whoever was killed."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from tests.services import wait_until
from worker.broker import BrokerError, BrokerHandle, check_broker, join_broker, use_broker
from worker.settings import read_settings

USER = """
import sys
from pathlib import Path
from worker.broker import join_broker
with join_broker(Path(sys.argv[1])) as broker:
    print(broker.url, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def other_user(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Another process that uses the broker; leaves when its standard input is closed."""
    with subprocess.Popen([sys.executable, "-c", USER, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().decode().strip()
        finally:
            process.kill()


def socket_of(broker: BrokerHandle) -> str:
    """The path within the address."""
    return broker.url.removeprefix("redis+socket://").partition("?")[0]


def processes_of(broker: BrokerHandle) -> list[psutil.Process]:
    """Watchdog and server, in this order."""
    socket_path = socket_of(broker)
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(socket_path in part for part in process.info["cmdline"] or ())
    ]
    return sorted(found, key=lambda process: "broker_watchdog" not in " ".join(process.info["cmdline"]))


def have_ended(processes: list[psutil.Process]) -> bool:
    """Whether all are gone, those that wait for their parent to ask among them."""
    return all(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE for process in processes)


def client_of(broker: BrokerHandle) -> redis.Redis:
    """A client of its server."""
    return redis.Redis(unix_socket_path=socket_of(broker))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory with spaces, longer than a socket's path may be."""
    return tmp_path / "a home with spaces" / ("x" * 120)


def test_the_last_user_stops_the_server(home: Path) -> None:
    """The server lives while anybody uses it; its socket's directory is private, and gone at the end."""
    broker = join_broker(home)
    with other_user(home) as (other, url):
        socket_path = Path(socket_of(broker))
        mode = socket_path.parent.stat().st_mode & 0o777
        processes = processes_of(broker)
        broker.close()
        lives_on = [process.is_running() for process in processes]
        assert other.stdin is not None
        other.stdin.close()
        wait_until(lambda: have_ended(processes), what="the end of both")

    assert (url, mode, lives_on) == (broker.url, 0o700, [True, True])
    assert not socket_path.parent.exists()


def test_what_was_queued_is_there_again_after_a_restart(home: Path) -> None:
    """The queue outlives the server."""
    with join_broker(home) as broker, client_of(broker) as client:
        client.lpush("queue", "message")
        processes = processes_of(broker)
    wait_until(lambda: have_ended(processes), what="the end of both")

    with join_broker(home) as broker, client_of(broker) as client:
        assert client.lrange("queue", 0, -1) == [b"message"]


@pytest.mark.parametrize("victim", [0, 1], ids=["watchdog", "server"])
def test_a_killed_broker_starts_again_at_the_same_address(home: Path, victim: int) -> None:
    """SIGKILL to the watchdog or the server ends both; the next look starts them, with what was queued."""
    with join_broker(home) as broker:
        with client_of(broker) as client:
            client.lpush("queue", "message")
        url, killed = broker.url, processes_of(broker)
        killed[victim].kill()
        wait_until(lambda: have_ended(killed), what="the end of both")

        broker.ensure_alive()

        with client_of(broker) as client:
            assert client.lrange("queue", 0, -1) == [b"message"]
        assert broker.url == url
        processes = processes_of(broker)
    wait_until(lambda: have_ended(processes), what="the end of both")


def test_a_server_that_was_stopped_and_continued_goes_on(home: Path) -> None:
    """Somebody's Ctrl-Z is not its end, though the watchdog hears of it as of a death."""
    with join_broker(home) as broker, client_of(broker) as client:
        before = processes_of(broker)
        before[1].suspend()
        time.sleep(0.3)
        before[1].resume()

        client.lpush("queue", "message")

        assert client.lrange("queue", 0, -1) == [b"message"]
        assert processes_of(broker) == before


def test_killed_users_leave_no_server(home: Path) -> None:
    """The kernel frees a dead user's lock, so the watchdog needs nobody to say goodbye."""
    with other_user(home) as (first, _), other_user(home) as (second, _):
        broker = join_broker(home)
        processes = processes_of(broker)
        broker.close()
        first.kill()
        second.kill()
        wait_until(lambda: have_ended(processes), what="the end of both")

    assert len(processes) == 2


def test_users_that_come_at_once_share_one_server(home: Path) -> None:
    """Of several starts at once one starts the server."""
    commands = [
        subprocess.Popen([sys.executable, "-c", USER, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    with contextlib.ExitStack() as stack:
        urls = set()
        for command in commands:
            stack.enter_context(command)
            stack.callback(command.kill)
            assert command.stdout is not None
            urls.add(command.stdout.readline())
        with join_broker(home) as broker:
            processes = processes_of(broker)

    assert len(urls) == 1
    assert len(processes) == 2


def test_a_user_that_leaves_while_another_comes_harms_nobody(home: Path) -> None:
    """Joining in the moment in which the server stops finds a server in the end."""
    for _ in range(10):
        with join_broker(home) as broker, client_of(broker) as client:
            assert client.ping()


def test_a_damaged_file_costs_the_queue_and_nothing_else(home: Path) -> None:
    """The truth is in SQL: a server that cannot read its file back starts with an empty queue."""
    folder = home / "broker" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")

    with join_broker(home) as broker, client_of(broker) as client:
        assert client.dbsize() == 0


def test_a_home_that_cannot_be_written_is_named() -> None:
    """The message says which directory, why, and what to do."""
    with pytest.raises(BrokerError, match=r"cannot use /proc/nowhere/broker: .*FAKESWEEP_HOME"):
        join_broker(Path("/proc/nowhere"))


def test_a_server_that_does_not_start_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own last words are in the message, and no process is left."""
    monkeypatch.setattr("worker.broker.find_server", lambda: Path("/bin/false"))

    with pytest.raises(BrokerError, match=r"does not start in .*: the server ended without a word"):
        join_broker(home)

    monkeypatch.undo()
    with join_broker(home) as broker, client_of(broker) as client:
        assert client.ping()


def test_an_external_broker_is_used_and_never_started(home: Path) -> None:
    """With an address of the operator's nothing is started, and its password stays hidden."""
    url = "redis://:secret@127.0.0.1:1/0"
    settings = read_settings({"FAKESWEEP_HOME": str(home), "FAKESWEEP_BROKER_URL": url})

    with use_broker(settings) as broker:
        broker.ensure_alive()
        with pytest.raises(BrokerError, match=r"no broker answers at redis://:\*\*\*@127.0.0.1:1/0") as raised:
            check_broker(broker.url)

    assert "secret" not in str(raised.value)
    assert not home.exists()


def test_a_forked_child_does_not_keep_the_broker(home: Path) -> None:
    """A use ends when it is closed, whatever a child inherited."""
    broker = join_broker(home)
    processes = processes_of(broker)
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)

    broker.close()

    try:
        wait_until(lambda: have_ended(processes), what="the end of both")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
