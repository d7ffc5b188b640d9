"""Fixtures of tests that run workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.session import Database
from tests.integration.worker.installation import Installation
from tests.services import ValkeyServer


@pytest.fixture
def installation(
    tmp_path: Path, database: Database, empty_database_url: str, valkey: ValkeyServer
) -> Iterator[Installation]:
    """An installation on an empty broker: the test runs once on SQLite, once on PostgreSQL."""
    valkey.flush()
    made = Installation(tmp_path, database, empty_database_url, valkey.url)
    yield made
    made.kill_workers()
