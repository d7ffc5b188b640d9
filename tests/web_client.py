"""The web application in this process, for tests: without broker and workers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from cli.web_doors import write_batch_report, write_video_report
from db.session import Database
from db.tokens import add_token
from tests.seeding import seed_classifier
from web.app import make_app
from web.context import Context, make_context
from web.doors import Doors
from web.identity import TOKEN_PREFIX, hash_secret, make_secret
from worker.settings import Settings
from worker.web_settings import WebSettings

BASE_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Site:
    """A running application.

    Args:
        root: a directory whose files may be submitted and shown.
        client: asks as this machine's own user does, without a browser.
    """

    context: Context
    client: TestClient
    root: Path

    @property
    def database(self) -> Database:
        """Its database."""
        return self.context.database

    def token(self, *scopes: str, lifetime_s: float | None = None, name: str = "tester") -> str:
        """A new token with these scopes."""
        secret = TOKEN_PREFIX + make_secret()
        with self.database.begin() as session:
            add_token(session, name=name, sha256=hash_secret(secret), scopes=scopes, lifetime_s=lifetime_s)
        return secret

    def bearer(self, *scopes: str) -> dict[str, str]:
        """The header of somebody with a new token of these scopes."""
        return {"Authorization": f"Bearer {self.token(*scopes)}"}


@contextmanager
def running_site(
    database: Database,
    folder: Path,
    *,
    host: str = "127.0.0.1",
    needs_token: bool = False,
    lent: Mapping[str, Any] | None = None,
    **web: Any,
) -> Iterator[Site]:
    """An application on this database, with a classifier and room for uploads below `folder`.

    Args:
        lent: more of what the command line lends.
    """
    root = folder / "videos"
    root.mkdir(exist_ok=True)
    classifier_id = seed_classifier(database)
    settings = Settings(home=folder / "home", web=replace(WebSettings(roots=(root,), rate_per_s=10_000), **web))
    doors = Doors(
        choose_classifier=lambda: classifier_id,
        write_report=partial(write_batch_report, settings),
        write_video_report=partial(write_video_report, settings),
        **(lent or {}),
    )
    context = make_context(settings, database, doors, host=host, needs_token=needs_token)
    with TestClient(
        make_app(context), base_url=BASE_URL, client=("127.0.0.1", 50_000), raise_server_exceptions=False
    ) as client:
        client.follow_redirects = False
        yield Site(context, client, root)
