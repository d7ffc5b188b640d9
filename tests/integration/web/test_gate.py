"""Nobody comes in who should not, and no other site makes a browser do anything."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from db.session import Database
from db.tokens import list_tokens, revoke_token
from tests.web_client import BASE_URL, Site, running_site
from web.identity import SESSION_COOKIE, csrf_token_of

PROBLEM = "application/problem+json"
REVIEW = {"label": "fake"}


@pytest.mark.parametrize("path", ["/", "/login", "/health/live", "/api/v1/videos", "/nowhere", "/static/nothing.js"])
def test_every_answer_keeps_browsers_from_harm(site: Site, path: str) -> None:
    """Nothing inline runs, nothing is framed, sniffed or told to others, whatever the answer."""
    headers = site.client.get(path).headers

    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "", "[::2]:8000"])
def test_a_foreign_host_name_is_refused(site: Site, host: str) -> None:
    """A name that somebody made to point here reads nothing."""
    answer = site.client.get("/api/v1/videos", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1", "[::1]:8000", "LOCALHOST"])
def test_own_host_names_are_answered(site: Site, host: str) -> None:
    """Several names mean this machine."""
    assert site.client.get("/api/v1/videos", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": BASE_URL},
    ],
)
def test_another_site_changes_nothing(site: Site, headers: dict[str, str]) -> None:
    """A page of another site, or of another server on this machine, is refused by what the browser says of it."""
    answer = site.client.post("/api/v1/batches", json={"paths": [str(site.root)]}, headers=headers)

    assert answer.status_code == 403


def test_a_browser_proves_that_a_page_of_ours_asks(site: Site) -> None:
    """The cookie alone, which goes along by itself, is not enough; with the page's token it is."""
    site.client.get("/")
    session = site.client.cookies[SESSION_COOKIE]
    wanted = {"paths": [str(site.root)]}
    own = {"Origin": BASE_URL, "Sec-Fetch-Site": "same-origin"}

    without = site.client.post("/api/v1/batches", json=wanted, headers=own)
    wrong = site.client.post("/api/v1/batches", json=wanted, headers={**own, "X-CSRF-Token": "0" * 64})
    other = site.client.post("/api/v1/batches", json=wanted, headers={**own, "X-CSRF-Token": csrf_token_of("other")})
    right = site.client.post("/api/v1/batches", json=wanted, headers={**own, "X-CSRF-Token": csrf_token_of(session)})

    assert [answer.status_code for answer in (without, wrong, other)] == [403, 403, 403]
    # Let in: there is no video in the directory.
    assert right.status_code == 422


def test_a_form_without_its_token_is_refused(site: Site) -> None:
    """A form of another site can be sent, and does nothing."""
    site.client.get("/login")

    answer = site.client.post("/login", data={"token": "x"})

    assert answer.status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_who_comes_through_a_proxy_is_a_stranger(site: Site, header: str) -> None:
    """A proxy on this machine does not make strangers its users."""
    assert site.client.get("/api/v1/videos", headers={header: "192.0.2.1"}).status_code == 401


def test_beyond_this_machine_everybody_needs_a_token(sqlite: Database, tmp_path: Path) -> None:
    """Whoever listens on a network asks also who comes from this machine."""
    with running_site(sqlite, tmp_path, host="0.0.0.0", hosts=frozenset({"fakesweep.example"})) as site:  # noqa: S104
        stranger = site.client.get("/api/v1/videos")
        known = site.client.get("/api/v1/videos", headers={**site.bearer("read"), "Host": "fakesweep.example"})

    assert stranger.status_code == 401
    assert stranger.headers["www-authenticate"].startswith("Bearer")
    assert known.status_code == 200


def test_behind_a_proxy_everybody_needs_a_token(sqlite: Database, tmp_path: Path) -> None:
    """With an address for people, this machine's own address opens nothing either."""
    with running_site(sqlite, tmp_path, url="https://fakesweep.example") as site:
        assert site.client.get("/api/v1/videos").status_code == 401


@pytest.mark.parametrize("token", ["", "nothing", "fsw_", "fsw_" + "a" * 43, "fsw_é", "fsw_" + "a" * 5000])
def test_a_wrong_token_opens_nothing(guarded: Site, token: str) -> None:
    """Neither a guess nor nonsense."""
    header = f"Bearer {token}".encode()

    assert guarded.client.get("/api/v1/videos", headers={b"Authorization": header}).status_code == 401


def test_an_expired_or_revoked_token_opens_nothing(guarded: Site) -> None:
    """A token ends with its time, or when somebody says so."""
    expired = guarded.token("admin", lifetime_s=-1.0)
    revoked = guarded.token("admin")
    with guarded.database.begin() as session:
        revoke_token(session, list_tokens(session)[-1].id)

    for token in (expired, revoked):
        answer = guarded.client.get("/api/v1/videos", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def test_signing_in_gives_a_session_and_out_ends_it(guarded: Site) -> None:
    """A person types the token once; the cookie is out of the reach of scripts and other sites."""
    client = guarded.client
    led = client.get("/videos?q=a%26b", headers={"Accept": "text/html"}).headers["location"]
    assert parse_qs(urlsplit(led).query) == {"next": ["/videos?q=a%26b"]}
    client.get("/login")
    form = {"token": guarded.token("read"), "csrf_token": csrf_token_of(client.cookies[SESSION_COOKIE])}

    signed_in = client.post("/login", data={**form, "next": "//evil.example"})
    seen = client.get("/api/v1/videos").status_code
    fresh = csrf_token_of(client.cookies[SESSION_COOKIE])
    client.post("/logout", data={"csrf_token": fresh})

    assert signed_in.status_code == 303
    assert signed_in.headers["location"] == "/"
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert seen == 200
    assert client.get("/api/v1/videos").status_code == 401


def test_a_session_does_only_what_its_token_may(guarded: Site) -> None:
    """The browser of a reader submits nothing."""
    client = guarded.client
    client.get("/login")
    form = {"token": guarded.token("read"), "csrf_token": csrf_token_of(client.cookies[SESSION_COOKIE])}
    client.post("/login", data=form)
    token = csrf_token_of(client.cookies[SESSION_COOKIE])

    answer = client.post("/api/v1/batches", json={"paths": ["/"]}, headers={"X-CSRF-Token": token})

    assert answer.status_code == 403
    assert "submit" in answer.json()["detail"]


def test_who_asks_too_often_waits(sqlite: Database, tmp_path: Path) -> None:
    """Beyond the rate a client is told when to come back; another one is not held up."""
    with running_site(sqlite, tmp_path, rate_per_s=1.0) as site:
        hasty, other = site.bearer("read"), site.bearer("read")
        answers = [site.client.get("/api/v1/videos", headers=hasty) for _ in range(20)]
        calm = site.client.get("/api/v1/videos", headers=other)

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[-1].headers["retry-after"]) >= 1
    assert calm.status_code == 200


def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    """Announced or not, more than a path takes is not read."""
    announced = site.client.post("/api/v1/batches", content=b"x" * 1_000_001)
    streamed = site.client.post("/api/v1/batches", content=(b"x" * 100_000 for _ in range(20)))

    assert [announced.status_code, streamed.status_code] == [413, 413]
    assert announced.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/nowhere", None, 404),
        ("PUT", "/api/v1/videos", None, 405),
        ("POST", "/api/v1/batches", "no json", 422),
        ("POST", "/api/v1/batches", '{"paths": []}', 422),
        ("POST", "/api/v1/batches", '{"paths": ["/a"], "unknown": 1}', 422),
        ("GET", "/api/v1/videos?limit=0", None, 422),
        ("GET", "/api/v1/videos?cursor=%00", None, 422),
        ("GET", "/api/v1/videos?state=nothing", None, 422),
        ("GET", "/api/v1/videos/0", None, 422),
    ],
)
def test_errors_are_problems(site: Site, method: str, path: str, body: str | None, status: int) -> None:
    """Every error is told as RFC 9457 has it."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    answer = site.client.request(method, path, content=body, headers=headers)

    told = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    assert {"type", "title", "status", "detail", "instance"} <= told.keys()
    assert told["status"] == status
    assert told["instance"] == path.partition("?")[0]


def test_a_defect_tells_nothing_of_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong inside stands in the log, not in the answer."""
    monkeypatch.setattr("web.api.videos.list_videos", lambda *_: 1 / 0)

    answer = site.client.get("/api/v1/videos")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert "division" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_person_reads_of_a_refusal_on_a_page(guarded: Site) -> None:
    """A form that is too old, a token without the scope, a value that no page has: all in the site's style."""
    client = guarded.client
    client.get("/login")
    form = {"token": guarded.token("read"), "csrf_token": csrf_token_of(client.cookies[SESSION_COOKIE])}
    client.post("/login", data=form)
    fresh = csrf_token_of(client.cookies[SESSION_COOKIE])
    from_page = {**PAGE, "Referer": f"{BASE_URL}/batches/1?standing=fake"}

    too_old = client.post("/batches/1/cancel", data={"csrf_token": "old"}, headers=from_page)
    no_scope = client.post("/batches/1/cancel", data={"csrf_token": fresh}, headers=from_page)
    no_value = client.get("/batches/x", headers=PAGE)
    other_site = client.post("/batches/1/cancel", headers={**PAGE, "Origin": "http://evil.example"})
    other_host = client.get("/", headers={**PAGE, "Host": "evil.example"})
    too_large = client.post("/folders", content=b"x" * 1_000_001, headers={**PAGE, "X-CSRF-Token": fresh})

    refused = [too_old, no_scope, no_value, other_site, other_host, too_large]
    assert [answer.status_code for answer in refused] == [403, 403, 422, 403, 421, 413]
    for answer in refused:
        assert answer.headers["content-type"].startswith("text/html")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "<nav" in answer.text
        assert "set-cookie" not in answer.headers
    assert "load it again" in too_old.text
    assert 'href="/batches/1?standing=fake"' in too_old.text
    assert "no scope &#39;submit&#39;" in no_scope.text


def test_who_clicks_too_often_reads_of_it(sqlite: Database, tmp_path: Path) -> None:
    """Also on a page, with a way to try again, and for programs when to."""
    with running_site(sqlite, tmp_path, rate_per_s=1.0) as site:
        answers = [site.client.get("/batches?before=5", headers=PAGE) for _ in range(20)]

    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert 'href="/batches?before=5"' in refused.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/avif,image/webp,*/*"])
def test_a_program_reads_of_a_refusal_as_json(site: Site, accept: str) -> None:
    """Whoever does not ask for a page gets none, from a page's address either."""
    answer = site.client.get("/batches/x", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["errors"][0]["where"] == "path.batch_id"


def test_the_api_answers_browsers_too_as_json(site: Site) -> None:
    """Its answers have one form."""
    assert site.client.get("/api/v1/videos/0", headers=PAGE).headers["content-type"] == PROBLEM


@pytest.mark.parametrize("referer", ["http://evil.example/", f"{BASE_URL}//evil.example/", ""])
def test_a_refusal_leads_nowhere_else(site: Site, referer: str) -> None:
    """The way back is one of this server's, whatever a request says of where it came from."""
    site.client.get("/")

    page = site.client.post("/batches/1/cancel", data={}, headers={**PAGE, "Referer": referer}).text

    assert "evil" not in page


def test_a_link_from_elsewhere_ends_no_session(guarded: Site) -> None:
    """The browser keeps the cookie from a link of another site: the page asks again by itself, as one of ours."""
    link = {**PAGE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}

    answer = guarded.client.get("/videos/1", headers=link)
    framed = guarded.client.get("/videos/1", headers={**link, "Sec-Fetch-Mode": "no-cors"})

    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert "set-cookie" not in answer.headers
    assert framed.headers["location"].startswith("/login")
