"""Each route is open to those who have its scope, and to nobody else; a new one cannot be forgotten."""

import pytest
from fastapi import FastAPI

from db.tokens import SCOPES
from tests.web_client import Site
from web.rules import check_rules, rules_of

UPLOAD = "0" * 32

RULES: dict[tuple[str, str], str | None] = {
    ("GET", "/health/live"): None,
    ("GET", "/health/ready"): None,
    ("GET", "/api/v1/openapi.json"): None,
    ("GET", "/metrics"): "read",
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): None,
    ("GET", "/"): "read",
    ("POST", "/api/v1/batches"): "submit",
    ("GET", "/api/v1/batches"): "read",
    ("GET", "/api/v1/batches/{batch_id}"): "read",
    ("GET", "/api/v1/batches/{batch_id}/report"): "read",
    ("POST", "/api/v1/batches/{batch_id}/cancel"): "submit",
    ("POST", "/api/v1/batches/{batch_id}/retry"): "submit",
    ("GET", "/api/v1/videos"): "read",
    ("GET", "/api/v1/videos/{video_id}"): "read",
    ("GET", "/api/v1/videos/{video_id}/content"): "read",
    ("HEAD", "/api/v1/videos/{video_id}/content"): "read",
    ("GET", "/api/v1/videos/{video_id}/evidence"): "read",
    ("GET", "/api/v1/videos/{video_id}/evidence/{number}/{picture}"): "read",
    ("GET", "/api/v1/videos/{video_id}/report"): "read",
    ("POST", "/api/v1/videos/{video_id}/scan"): "submit",
    ("GET", "/api/v1/videos/{video_id}/reviews"): "read",
    ("POST", "/api/v1/videos/{video_id}/reviews"): "review",
    ("DELETE", "/api/v1/videos/{video_id}/reviews/{review_id}"): "review",
    ("POST", "/api/v1/uploads"): "submit",
    ("GET", "/api/v1/uploads/{upload_id}"): "submit",
    ("HEAD", "/api/v1/uploads/{upload_id}"): "submit",
    ("PATCH", "/api/v1/uploads/{upload_id}"): "submit",
    ("DELETE", "/api/v1/uploads/{upload_id}"): "submit",
    ("POST", "/api/v1/uploads/{upload_id}/complete"): "submit",
    ("POST", "/api/v1/pictures"): "submit",
    ("POST", "/api/v1/pictures/generate"): "submit",
    ("GET", "/api/v1/classifiers"): "read",
    ("GET", "/api/v1/classifiers/{classifier_id}"): "read",
    ("POST", "/api/v1/classifiers/{classifier_id}/activate"): "admin",
    ("POST", "/api/v1/classifiers/rollback"): "admin",
    ("GET", "/api/v1/workers"): "read",
    ("GET", "/api/v1/settings"): "admin",
    ("GET", "/api/v1/events"): "read",
    ("GET", "/api/v1/live"): "read",
    ("GET", "/api/v1/live/{source_id}"): "read",
    ("GET", "/api/v1/live/{source_id}/stream"): "read",
}
"""What a route needs; pages beside these need at least `read`."""

BODIES = {
    "/api/v1/batches": {"paths": ["/nowhere"]},
    "/api/v1/uploads": {"name": "a.mp4", "size_bytes": 1},
    "/api/v1/videos/{video_id}/reviews": {"label": "fake"},
    "/api/v1/pictures/generate": {},
}


def test_no_route_was_forgotten(guarded: Site) -> None:
    """Every route of the API stands in the table with its scope, and every page needs at least to read."""
    app = guarded.client.app
    assert isinstance(app, FastAPI)
    found = {
        (method, route.path): None if rule is None else rule.scope
        for route, rule in rules_of(app)
        for method in route.methods
    }

    pages = {key for key in found if not key[1].startswith(("/api/", "/health", "/metrics")) and key not in RULES}
    assert {key: found[key] for key in found if key not in pages} == RULES
    assert {key for key in pages if found[key] is None} == set()


def test_a_route_without_a_rule_does_not_start() -> None:
    """Whoever forgets to say who may use a route learns it at once."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/forgotten")(lambda: "here")

    with pytest.raises(RuntimeError, match="/forgotten"):
        check_rules(app)


@pytest.mark.parametrize("scope", [*SCOPES, None])
def test_a_scope_opens_what_is_its_own(guarded: Site, scope: str | None) -> None:
    """401 without a token, 403 with another scope, and let in with the right one or with `admin`."""
    headers = guarded.bearer(scope) if scope else {}
    wrong = []
    for (method, path), needed in RULES.items():
        # Streams do not end; who may watch is tested where they are read.
        if path == "/api/v1/events" and scope in ("read", "admin"):
            continue
        status = ask(guarded, method, path, headers)
        is_open = needed is None or scope in (needed, "admin")
        refusals = {401, 403, 429} if is_open else {401, 403} - {403 if scope else 401}
        # A form of /login or /logout is refused for its own reasons, and a place for lying out of the roots.
        refusals -= {401, 403} if path in ("/login", "/logout") else set()
        refusals -= {403} if is_open and (method, path) == ("POST", "/api/v1/batches") else set()
        if status in refusals or (not is_open and status not in (401, 403)):
            wrong.append((method, path, status))

    assert wrong == []


def ask(site: Site, method: str, path: str, headers: dict[str, str]) -> int:
    """The status of a request that fits its route."""
    ones = dict.fromkeys(("batch_id", "video_id", "review_id", "source_id", "number"), 1)
    filled = path.format(**ones, classifier_id=99, upload_id=UPLOAD, picture="face.jpg")
    more = {"Upload-Offset": "0"} if method == "PATCH" else {}
    # The page to sign in leaves a session, with which the next request would come from a browser.
    site.client.cookies.clear()
    return site.client.request(method, filled, headers={**headers, **more}, json=BODIES.get(path)).status_code
