"""What the web application is lent by the command that starts it, as imports run from there to here only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

from db.registry import RegisteredClassifier

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def _nothing() -> None:
    """Sends nothing: whoever sweeps will."""


class UnfitWishError(ValueError):
    """What was wished of a report does not fit its batch; the message says what does."""


class ReportWriter(Protocol):
    """Writes a report."""

    def __call__(self, session: "Session", batch_id: int, stream: IO[str], *, format_: str, **wanted: Any) -> object:
        """Writes it to the stream, a little at a time."""


@dataclass(frozen=True)
class LiveDoor:
    """A camera or stream of the server's that people may watch.

    Args:
        name: for people; it holds no secret.
        command: runs the helper that reads and judges it (see `web.watching`).
        question: what the helper is told first, as JSON; the address in it may hold a password.
    """

    name: str
    command: Sequence[str]
    question: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Doors:
    """Functions of the command line's that the web application calls.

    Args:
        send_waiting: hands the scans that wait to the broker; what it does not take, a later sweep sends.
        choose_classifier: the id of the classifier that judges what is submitted now, verified.
        write_report: writes the report of a batch as "json", "csv" or "html", while it is read from the session that is
            given; with `aggregate`, `state`, `verdict` and `limit` as `db.reports.open_report` takes them.
            UnfitWishError where these do not fit.
        write_video_report: writes one video, as `db.videos.read_video` tells it, as an HTML page.
        activate: takes a classifier through the gate, for a reason, in somebody's name; ValueError with a message where
            it is refused.
        roll_back: goes back to the classifier before this one, for a reason, in somebody's name; ValueError where
            there is none.
        picture_command: runs the helper that judges pictures (see `web.pictures`).
        generate_picture: has an image API draw what a prompt says, of a size such as 1024x1024; ValueError with a
            message where it does not. None without a key.
        live: what may be watched.
    """

    send_waiting: Callable[[], None] = _nothing
    choose_classifier: Callable[[], int] | None = None
    write_report: ReportWriter | None = None
    write_video_report: "Callable[[Session, Mapping[str, Any], IO[str]], object] | None" = None
    activate: Callable[[RegisteredClassifier, str | None, str], None] | None = None
    roll_back: Callable[[str | None, str], None] | None = None
    picture_command: Sequence[str] | None = None
    generate_picture: Callable[[str, str], bytes] | None = None
    live: tuple[LiveDoor, ...] = ()
