"""The web application as people start it, for measurements and pictures."""

import contextlib
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.parts.servers import free_port, wait_until

_STARTS_WITHIN_S = 180.0
_ENDS_WITHIN_S = 60.0


@dataclass(frozen=True)
class Server:
    """A running web application, on this machine's own address."""

    port: int
    pid: int


@contextlib.contextmanager
def served(environment: Mapping[str, str], *options: str) -> Iterator[Server]:
    """Runs `fakesweep serve` on a free port of this machine, and yields when it answers.

    Args:
        environment: besides our own.
        options: of the command.
    """
    port = free_port()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("fakesweep"), "serve", "--port", str(port), *options],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_ready(port), what="the web application", timeout_s=_STARTS_WITHIN_S)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(_ENDS_WITHIN_S)


def is_ready(port: int) -> bool:
    """Whether the web application at this port answers, and can work."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
