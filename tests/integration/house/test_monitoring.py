"""What the monitoring files name is what we tell."""

import json
import re
from pathlib import Path

import pytest

from db.session import Database
from scheduler.metrics import render_metrics
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "monitoring"


@pytest.fixture
def told(database: Database) -> set[str]:
    """Every metric of an installation that has judged some videos."""
    names = [str(number) for number in range(50)]
    for scan_id in scan_ids(database, seed_batch(database, seed_classifier(database), names)):
        end_scan(database, scan_id, judged(0.9))
    return set(re.findall(r"(?m)^# TYPE (\w+)", render_metrics(database).decode()))


def test_dashboard_alerts_and_page_name_metrics_that_there_are(told: set[str]) -> None:
    """And leave none out."""
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    alerts = (FOLDER / "alerts.yml").read_text()

    assert set(re.findall(r"fakesweep_\w+", asked)) == told
    assert set(re.findall(r"fakesweep_\w+", alerts)) <= told
    page = FOLDER.with_suffix(".md").read_text()
    assert {name for name in told if name not in page and not name.startswith("fakesweep_recent_")} == set()
