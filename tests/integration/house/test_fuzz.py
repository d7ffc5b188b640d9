"""Damaged files end in frames or in a reason, in whole workers too: the short form of `scripts/fuzz`."""

import json
from pathlib import Path

import pytest

from scripts.parts.fuzz import main


@pytest.mark.drill
def test_fuzzed_files_hurt_nobody(tmp_path: Path) -> None:
    """No hang, no lost worker, no traceback and no memory over the limit among 143 damaged files of 13 kinds."""
    report, kept = tmp_path / "report.json", tmp_path / "kept"

    status = main(["--files=143", "--seed=20", "--whole-every=15", f"--keep={kept}", f"--json={report}"])

    found = json.loads(report.read_text())
    assert status == 0, found
    assert found["files"] == 143
    assert {name: found[name] for name in ("hangs", "uncontained_worker_deaths", "tracebacks", "over_memory")} == {
        "hangs": 0,
        "uncontained_worker_deaths": 0,
        "tracebacks": 0,
        "over_memory": 0,
    }
    # It would prove nothing if all were refused, or none.
    assert found["by_state"]["decoded"] > 20
    assert found["by_state"]["unreadable:not_a_video"] > 5
    assert len(found["by_container"]) == 11
    assert sum(found["whole_workers"]["by_state"].values()) == 10
    assert not kept.exists()
