"""Damaged files end in frames or in a reason, in whole workers too: the short form of `scripts/fuzz`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.drill
def test_fuzzed_files_hurt_nobody(tmp_path: Path) -> None:
    """No hang, no lost worker, no traceback and no memory over the limit among 143 damaged files of 13 kinds."""
    report, kept = tmp_path / "report.json", tmp_path / "kept"

    # In a process of its own, as its memory is looked at, and other tests made this one's large.
    command = [sys.executable, "-P", "-m", "scripts.parts.fuzz", "--files=143", "--seed=20", "--whole-every=15"]
    command += [f"--keep={kept}", f"--json={report}"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
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
