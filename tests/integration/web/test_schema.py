"""What the API says of itself, held against what it does, by requests that schemathesis makes up."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case

from db.session import Database
from tests.web_client import running_site

pytestmark = pytest.mark.drill

# A stream does not end, and what asks an image API has no key here.
LEFT_OUT = "/api/v1/(events|pictures/generate)"
EXAMPLES = 10
HOST = {"Host": "127.0.0.1"}


def test_answers_as_it_says(database: Database, tmp_path: Path) -> None:
    """No request, however odd, meets a defect, and each answer has a status and a shape that is described."""
    with running_site(database, tmp_path) as site:
        described = schemathesis.openapi.from_asgi("/api/v1/openapi.json", site.client.app, headers=HOST)
        operations = [found.ok() for found in described.exclude(path_regex=LEFT_OUT).get_all_operations()]
        complaints = [complaint for one in operations if (complaint := complaint_of(one))]

    assert len(operations) > 20
    assert complaints == []


def complaint_of(operation: Any) -> str | None:
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
        case.call_and_validate(headers=HOST)

    try:
        check()
    except Exception as error:  # noqa: BLE001 - all of an operation's failures are told together
        return f"{operation.label}: {error}"
    return None
