"""Fixtures of the web application's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.session import Database
from tests.web_client import Site, running_site


@pytest.fixture
def site(sqlite: Database, tmp_path: Path) -> Iterator[Site]:
    """A site on this machine alone: its user needs no token."""
    with running_site(sqlite, tmp_path) as running:
        yield running


@pytest.fixture
def guarded(sqlite: Database, tmp_path: Path) -> Iterator[Site]:
    """A site that asks everybody for a token."""
    with running_site(sqlite, tmp_path, needs_token=True) as running:
        yield running
