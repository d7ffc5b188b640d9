"""What the API says of itself, held against what it does, by requests that schemathesis makes up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from cli.web_doors import make_doors
from db.session import Database
from tests.bundles import build_bundle
from tests.image_api import KEY, ImageApiServer
from tests.live_doors import door
from tests.web_client import running_site
from web import events
from worker.settings import Settings

pytestmark = pytest.mark.drill

EXAMPLES = 10
LENT = ("activate", "roll_back", "picture_command", "generate_picture")
# What has the shape of a cursor is no cursor for that, nor does every size fit into the quota.
TOO_STRICT = [positive_data_acceptance]


def test_answers_as_it_says(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request, however odd, meets a defect, and each answer has a status and a shape that is described."""
    # Who watches is told what holds now, and let go.
    monkeypatch.setattr(events, "_STREAM_S", 0.0)
    monkeypatch.setenv("FAKESWEEP_CLASSIFIER", str(build_bundle(tmp_path / "red")))
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path / "helper"))
    monkeypatch.setenv("FAKESWEEP_IMAGE_API_KEY", KEY)
    with ImageApiServer() as image_api:
        monkeypatch.setenv("FAKESWEEP_IMAGE_API_URL", image_api.base_url)
        made = make_doors(Settings(home=tmp_path / "helper"), database, lambda: None)
        live = (door(tmp_path / "note", count=2, then="end"),)
        lent = {name: getattr(made, name) for name in LENT} | {"live": live}
        labels, complaints = complaints_of(database, tmp_path, lent)

    assert len(labels) > 20
    assert {"GET /api/v1/events", "POST /api/v1/pictures/generate", "GET /api/v1/live/{source_id}/stream"} <= labels
    assert complaints == []
    assert image_api.fields


def complaints_of(database: Database, folder: Path, lent: Mapping[str, Any]) -> tuple[set[str], list[str]]:
    """Every operation that was tried, and what is wrong with any."""
    with running_site(database, folder, lent=lent) as site:
        # schemathesis asks from no address, as a stranger, who would be sent away at every door.
        headers = {"Host": "127.0.0.1", **site.bearer("admin")}
        described = schemathesis.openapi.from_asgi("/api/v1/openapi.json", site.client.app, headers=headers)
        operations = [found.ok() for found in described.get_all_operations()]
        complaints = [complaint for one in operations if (complaint := complaint_of(one, headers))]
    return {operation.label for operation in operations}, complaints


def complaint_of(operation: Any, headers: Mapping[str, str]) -> str | None:
    """What is wrong with one operation of the API; None where nothing was found."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: Case) -> None:
        case.call_and_validate(headers=headers, excluded_checks=TOO_STRICT)

    try:
        check()
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - all of an operation's failures are told together
        return f"{operation.label}: {error}"
    return None
