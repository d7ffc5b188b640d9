"""Fixtures of the commands' tests: an installation that nobody else has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.session import Database
from tests.services import opened_database


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of our own, and no other setting."""
    for name in ("BROKER_URL", "DATABASE_URL", "CLASSIFIER", "DEVICE", "FFMPEG", "CONCURRENCY"):
        monkeypatch.delenv(f"FAKESWEEP_{name}", raising=False)
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    """The embedded database of that state directory; here no test needs the other kind."""
    with opened_database(f"sqlite:///{home / 'fakesweep.db'}") as opened:
        yield opened
