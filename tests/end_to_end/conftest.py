"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.bundles import build_bundle
from tests.end_to_end.installation import Installation


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier whose judgement is known."""
    return build_bundle(tmp_path_factory.mktemp("bundle") / "red", version="1")


@pytest.fixture
def installation(tmp_path: Path, bundle: Path) -> Iterator[Installation]:
    """A fresh installation with quick leases; nothing of it may run when the test has ended."""
    quick = {"LEASE_S": "4", "HEARTBEAT_S": "1", "SWEEP_S": "1", "CONCURRENCY": "2"}
    made = Installation(tmp_path / "home of ours", bundle, quick)
    try:
        yield made
        made.wait_until_nothing_runs()
    finally:
        # Only where a test failed is there anything left.
        for process in made.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
