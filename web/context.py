"""What every request works with: settings, database, and the doors to what lies above the web application."""

from dataclasses import dataclass, field
from typing import cast

from starlette.requests import HTTPConnection

from db.session import Database
from web.doors import Doors
from web.events import Hub
from web.limits import RateLimiter
from web.pictures import PictureDesk
from web.places import Places, find_places
from web.submitting import Submitter
from web.uploading import Uploads
from web.watching import LiveDesk
from worker.settings import Settings
from worker.web_settings import is_loopback


@dataclass(frozen=True)
class Context:
    """The application's surroundings, one for the life of the process.

    Args:
        host: what the server listens at.
        doors: what the command line lends.
        needs_token: whether even the machine's own user needs a token.
        limiter: of requests, per token or address.
        places: what of the server's files may be seen.
        submitter: what is being submitted.
        uploads: what is being sent.
        pictures: where single pictures are judged.
        events: what those who watch are told.
        live: the server's cameras and streams.
    """

    settings: Settings
    database: Database
    doors: Doors
    places: Places
    submitter: Submitter
    uploads: Uploads
    pictures: PictureDesk
    events: Hub
    live: LiveDesk
    host: str = "127.0.0.1"
    needs_token: bool = False
    limiter: RateLimiter = field(default_factory=lambda: RateLimiter(rate_per_s=50.0, burst=200))

    @property
    def is_open(self) -> bool:
        """Whether somebody without a token may use everything: on this machine's own address alone."""
        return is_loopback(self.host) and self.settings.web.url is None and not self.needs_token

    @property
    def is_secure(self) -> bool:
        """Whether people reach it by HTTPS, so that cookies are for HTTPS alone."""
        return (self.settings.web.url or "").startswith("https://")


def make_context(
    settings: Settings, database: Database, doors: Doors, *, host: str = "127.0.0.1", needs_token: bool = False
) -> Context:
    """The context of a server with these settings."""
    rate = settings.web.rate_per_s
    limiter = RateLimiter(rate_per_s=rate, burst=4 * rate)
    return Context(
        settings,
        database,
        doors,
        find_places(settings),
        Submitter(database, doors),
        Uploads(settings, database),
        PictureDesk(doors.picture_command, settings.home / "pictures"),
        Hub(database),
        LiveDesk(doors.live),
        host,
        needs_token=needs_token,
        limiter=limiter,
    )


def context_of(connection: HTTPConnection) -> Context:
    """The context of the application that answers this request."""
    return cast(Context, connection.app.state.context)
