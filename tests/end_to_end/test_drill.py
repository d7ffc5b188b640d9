"""The short forms of the drill and the soak; docs/reliability.md tells the long ones."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from scheduler.drill.plan import kinds_for
from tests.end_to_end.installation import PROGRAM

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]


def run_drill(*options: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, what `--json` wrote, and the messages; the drill's own directory has to be gone."""
    # Short, as unix sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="fs-") as folder:
        Path(folder).chmod(0o755)
        done = subprocess.run(
            [PROGRAM, "drill", *options, "--json", "-"],
            env={**os.environ, "TMPDIR": folder, "FAKESWEEP_HOME": f"{folder}-not-to-be-touched"},
            capture_output=True,
            text=True,
            check=False,
            timeout=800,
        )
        left = list(Path(folder).iterdir())

    assert left == []
    assert not Path(f"{folder}-not-to-be-touched").exists()
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.parametrize(("kind", "faults"), [("embedded", 17), ("cluster", 16)])
def test_every_kind_of_fault_is_survived(kind: str, faults: int) -> None:
    """One fault of each kind, and poison among the videos: none lost, doubled or stuck, and no innocent condemned."""
    status, result, messages = run_drill(
        "--on", kind, "--faults", str(faults), "--videos", "16", "--whole", "1", "--seed", "20261127"
    )

    assert status == 0, (result, messages)
    # A fault that found nobody to hit has another one in its place.
    assert sum(result["faults"].values()) == faults
    assert set(result["left_out"]) | set(result["faults"]) >= set(kinds_on(kind))
    assert [result[name] for name in ("lost", "doubled", "stuck", "innocents_quarantined")] == [0, 0, 0, 0]
    assert result["poison"] == {"submitted": 2, "quarantined": 2}
    assert (result["sums_wrong"], result["fences_broken"], result["wrong"]) == (0, 0, 0)


def kinds_on(kind: str) -> tuple[str, ...]:
    """The faults that such an installation can suffer."""
    is_embedded = kind == "embedded"
    return kinds_for(embedded_broker=is_embedded, sqlite=is_embedded, own_postgresql=not is_embedded)


@pytest.mark.parametrize("part", ["broker", "database"])
def test_all_wait_for_what_is_away_and_go_on(part: str) -> None:
    """No program ends while the broker or the database is away, each says so, and every video is judged once."""
    status, result, messages = run_drill("--outage", part, "--for", "20", "--videos", "40", "--seed", "1")

    assert status == 0, (result, messages)
    assert result["passed"]
    assert result["states"] == {"judged": 40}
    assert result["before"] + result["meanwhile"] < 40
    assert set(result["words"]) == {"worker-1", "worker-2", "scheduler", "command"}
    assert (result["lost"], result["doubled"], result["stuck"]) == (0, 0, 0)


def test_nothing_grows_over_many_scans() -> None:
    """Memory, open files and the broker's keys are flat, and every scan is judged once."""
    status, result, messages = run_drill("--soak", "300", "--on", "embedded", "--seed", "1")

    assert status == 0, (result, messages)
    assert {"broker keys", "worker bytes", "worker open files", "scheduler bytes"} <= set(result["gauges"])
