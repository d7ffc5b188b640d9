"""Pages and API let the same doors change the classifier, and say the same where that fails."""

from pathlib import Path
from typing import Any

import pytest

from db.session import Database
from tests.web_client import Site, running_site

STEPS = ("1/activate", "rollback")


@pytest.mark.parametrize("step", STEPS)
def test_what_was_wished_reaches_the_door(sqlite: Database, tmp_path: Path, step: str) -> None:
    """With its reason, from a page as from a program; the page is shown again, the program is told who judges."""
    heard: list[Any] = []
    lent = {
        "activate": lambda found, reason, _actor: heard.append((found.id, reason)),
        "roll_back": lambda reason, _actor: heard.append((None, reason)),
    }
    with running_site(sqlite, tmp_path, lent=lent) as site:
        answer = site.client.post(f"/api/v1/classifiers/{step}", json={"reason": "better"})
        page = site.client.post(f"/classifiers/{step}", data={"reason": " better "})

    assert heard == [(1 if step == "1/activate" else None, "better")] * 2
    assert (answer.status_code, answer.json()["id"]) == (200, 1)
    assert (page.status_code, page.headers["location"].partition("?")[0]) == (303, "/classifiers")


@pytest.mark.parametrize("step", STEPS)
def test_a_refusal_is_told(sqlite: Database, tmp_path: Path, step: str) -> None:
    """What the door says against it is a conflict, in its words."""

    def refuse(*_: object) -> None:
        raise ValueError("it is worse")

    with running_site(sqlite, tmp_path, lent={"activate": refuse, "roll_back": refuse}) as site:
        for place in ("/api/v1/classifiers", "/classifiers"):
            answer = site.client.post(f"{place}/{step}")

            assert (answer.status_code, "it is worse" in answer.text) == (409, True)


@pytest.mark.parametrize("step", STEPS)
def test_a_server_without_doors_says_so(site: Site, step: str) -> None:
    """It is not the caller's fault, and the message names the command."""
    for place in ("/api/v1/classifiers", "/classifiers"):
        answer = site.client.post(f"{place}/{step}")

        assert (answer.status_code, "fakesweep serve" in answer.text) == (503, True)


def test_an_unknown_classifier_is_not_found(site: Site) -> None:
    """The message says where the others are."""
    assert "see /api/v1/classifiers" in site.client.get("/api/v1/classifiers/9").text
    assert site.client.get("/classifiers/9").status_code == 404
    assert site.client.post("/api/v1/classifiers/9/activate").status_code == 404
