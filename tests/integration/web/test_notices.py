"""Who is to be told is told, signed and at last once, also when nobody answers at first or the server stops."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select, update

from db.batches import complete_batch
from db.clock import db_now
from db.notices import EVENTS, add_webhook, remove_webhook
from db.session import Database
from db.tables.notices import Delivery
from db.tables.scans import Scan
from scheduler.control import cancel_batch, retry_batch
from tests.http_server import LoopbackServer, Reply
from tests.seeding import seed_batch, seed_classifier
from tests.services import free_port
from tests.web_judging import judge_all
from web.notices.notifier import MOST_ATTEMPTS, Notifier
from worker.settings import Settings
from worker.web_settings import WebSettings

SECRET = "quite a secret"
ENVIRON = {"HOOK_SECRET": SECRET}


def make_notifier(database: Database, **web: Any) -> Notifier:
    """A notifier that may speak to this machine, and has looked once."""
    settings = Settings(home=Path("/nowhere"), web=WebSettings(**{"allows_private_webhooks": True, **web}))
    notifier = Notifier(settings, database, ENVIRON)
    notifier.work()
    return notifier


@pytest.fixture
def classifier_id(database: Database) -> int:
    """An active classifier."""
    return seed_classifier(database)


def add_hook(database: Database, url: str, *events: str) -> int:
    """A webhook of these events, all unless told."""
    with database.begin() as session:
        return add_webhook(session, url=url, events=events or EVENTS, secret_env="HOOK_SECRET")


def let_be_due(database: Database) -> None:
    """What waits for another try is tried now."""
    with database.begin() as session:
        session.execute(update(Delivery).values(due_at=db_now() - 1))


def events_of(server: LoopbackServer) -> list[dict[str, Any]]:
    """What the server was told."""
    return [json.loads(call.body) for call in server.calls]


def complete(database: Database, batch_id: int) -> None:
    """Says that all files of a batch were read."""
    with database.begin() as session:
        complete_batch(session, batch_id, ignored=0)


def test_the_end_of_a_batch_and_each_fake_are_told_once(database: Database, classifier_id: int) -> None:
    """However often it is looked, and signed so that the receiver can tell who sent it and when."""
    with LoopbackServer(lambda _: Reply()) as server:
        add_hook(database, f"{server.url}/hook?x=1")
        notifier = make_notifier(database)
        batch_id = seed_batch(database, classifier_id, ["a", "b"])
        complete(database, batch_id)
        judge_all(database, batch_id, [0.9])
        notifier.work()
        half = [event["event"] for event in events_of(server)]
        judge_all(database, batch_id, [0.1], skip=1)
        for _ in range(3):
            notifier.work()

    told = events_of(server)
    assert half == ["video.fake"]
    assert [event["event"] for event in told] == ["video.fake", "batch.ended"]
    assert (told[0]["video"]["path"], told[0]["video"]["score"]) == ("/videos/a.mp4", 0.9)
    assert told[1]["batch"]["id"] == batch_id
    assert told[1]["batch"]["verdicts"] == {"fake": 1, "real": 1, "uncertain": 0}
    call = server.calls[0]
    assert call.path == "/hook?x=1"
    moment, signature = (part.partition("=")[2] for part in call.headers["x-fakesweep-signature"].split(","))
    assert signature == hmac.new(SECRET.encode(), f"{moment}.".encode() + call.body, hashlib.sha256).hexdigest()


def test_a_batch_without_anything_to_judge_ends_too(database: Database, classifier_id: int) -> None:
    """Also where nothing in it ever waited."""
    with LoopbackServer(lambda _: Reply()) as server:
        add_hook(database, server.url)
        notifier = make_notifier(database)
        batch_id = seed_batch(database, classifier_id, [], unread=2)
        notifier.work()
        before = len(server.calls)
        complete(database, batch_id)
        notifier.work()

    assert before == 0
    assert [event["event"] for event in events_of(server)] == ["batch.ended"]


def test_a_batch_that_is_retried_ends_again(database: Database, classifier_id: int) -> None:
    """And is told again."""
    with LoopbackServer(lambda _: Reply()) as server:
        add_hook(database, server.url, "batch.ended")
        notifier = make_notifier(database)
        batch_id = seed_batch(database, classifier_id, ["a"])
        complete(database, batch_id)
        cancel_batch(database, batch_id)
        notifier.work()
        retry_batch(database, batch_id, ["cancelled"])
        notifier.work()
        judge_all(database, batch_id, [0.1])
        notifier.work()

    assert [event["event"] for event in events_of(server)] == ["batch.ended", "batch.ended"]
    assert len({event["id"] for event in events_of(server)}) == 2


def test_whoever_does_not_answer_is_told_later_and_by_another_process(database: Database, classifier_id: int) -> None:
    """A failure costs nothing but time, whatever stops in between; the event keeps its id."""
    answers = iter([Reply(status=500), Reply(status=302, headers={"Location": "/elsewhere"}), Reply(is_dropped=True)])
    with LoopbackServer(lambda _: next(answers, Reply())) as server:
        add_hook(database, server.url, "video.fake")
        judge_all(database, _batch_after(make_notifier(database), database, classifier_id), [0.9])
        make_notifier(database)
        first = len(server.calls)
        make_notifier(database)
        at_once = len(server.calls)
        for _ in range(4):
            let_be_due(database)
            make_notifier(database)

    assert (first, at_once) == (1, 1)
    assert len({event["id"] for event in events_of(server)}) == 1
    # Three failures and the success: a redirect was not followed.
    assert [call.path for call in server.calls] == ["/"] * 4


def _batch_after(_notifier: Notifier, database: Database, classifier_id: int) -> int:
    return seed_batch(database, classifier_id, ["a"])


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://10.0.0.1/"],
)
def test_private_addresses_are_refused(sqlite: Database, url: str) -> None:
    """Nobody on the inside is asked for whoever can add a webhook, unless it is allowed."""
    classifier_id = seed_classifier(sqlite)
    with LoopbackServer(lambda _: Reply()) as server:
        add_hook(sqlite, url.format(port=server.port), "video.fake")
        notifier = make_notifier(sqlite, allows_private_webhooks=False)
        judge_all(sqlite, seed_batch(sqlite, classifier_id, ["a"]), [0.9])
        told = notifier.work()

    assert told == 0
    assert server.calls == []
    assert "no public address" in str(only_delivery(sqlite).last_error)


@pytest.mark.parametrize(("status", "attempts"), [(410, 1), (500, MOST_ATTEMPTS)])
def test_what_is_hopeless_is_given_up(sqlite: Database, status: int, attempts: int) -> None:
    """When its receiver says so, or after days."""
    classifier_id = seed_classifier(sqlite)
    with LoopbackServer(lambda _: Reply(status=status)) as server:
        add_hook(sqlite, server.url, "video.fake")
        notifier = make_notifier(sqlite)
        judge_all(sqlite, seed_batch(sqlite, classifier_id, ["a"]), [0.9])
        for _ in range(MOST_ATTEMPTS + 2):
            notifier.work()
            let_be_due(sqlite)

    assert len(server.calls) == attempts
    assert only_delivery(sqlite).failed_at is not None


def test_what_was_before_is_not_told(sqlite: Database) -> None:
    """Who is added today is not told of last year; who is removed is told of nothing more."""
    classifier_id = seed_classifier(sqlite)
    judge_all(sqlite, seed_batch(sqlite, classifier_id, ["a"]), [0.9])
    with sqlite.begin() as session:
        session.execute(update(Scan).values(finished_at=db_now() - 3600))
    with LoopbackServer(lambda _: Reply()) as server:
        hook_id = add_hook(sqlite, server.url)
        notifier = make_notifier(sqlite)
        before = len(server.calls)
        with sqlite.begin() as session:
            remove_webhook(session, hook_id)
        judge_all(sqlite, seed_batch(sqlite, classifier_id, ["b"]), [0.9])
        notifier.work()

    assert before == 0
    assert server.calls == []


class Postbox:
    """Keeps the messages that come."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Takes a message."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.messages.append(cast(EmailMessage, message_from_bytes(content, policy=default)))
        return "250 taken"


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, str]]:
    """A mail server on this machine, and its address."""
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield box, f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def test_people_get_mail(sqlite: Database, postbox: tuple[Postbox, str]) -> None:
    """One message of a batch's end, and one of all fakes of some minutes; a name adds no header."""
    box, url = postbox
    classifier_id = seed_classifier(sqlite)
    mail = {"smtp_url": url, "mail_from": "fakesweep@example.org", "mail_to": ("a@example.org", "b@example.org")}
    notifier = make_notifier(sqlite, url="https://fakesweep.example.org", **mail)
    batch_id = seed_batch(sqlite, classifier_id, ["a", "b"], name="evil\r\nBcc: c@example.org")
    complete(sqlite, batch_id)
    judge_all(sqlite, batch_id, [0.9, 0.95])
    notifier.work()
    at_once = [message["subject"] for message in box.messages]
    let_be_due_unsettled(sqlite)
    notifier.work()

    assert at_once == [f"fakesweep: batch {batch_id} ended, 2 fake"]
    assert len(box.messages) in (2, 3)
    assert all(message["to"] == "a@example.org, b@example.org" for message in box.messages)
    assert all(message["bcc"] is None for message in box.messages)
    assert f"https://fakesweep.example.org/batches/{batch_id}" in box.messages[0].get_content()
    listed = "".join(message.get_content() for message in box.messages[1:])
    assert "/videos/a.mp4" in listed
    assert "/videos/b.mp4" in listed


def test_mail_that_is_refused_waits(sqlite: Database) -> None:
    """A server that is away keeps nobody from being told later."""
    classifier_id = seed_classifier(sqlite)
    notifier = make_notifier(sqlite, smtp_url=f"smtp://127.0.0.1:{free_port()}", mail_to=("a@example.org",))
    batch_id = seed_batch(sqlite, classifier_id, [], unread=1)
    complete(sqlite, batch_id)
    notifier.work()

    delivery = only_delivery(sqlite)
    assert (delivery.attempts, delivery.delivered_at, delivery.failed_at) == (1, None, None)


def only_delivery(database: Database) -> Delivery:
    """The one that there is."""
    with database.read() as session:
        return session.scalars(select(Delivery)).one()


def let_be_due_unsettled(database: Database) -> None:
    """The minutes of an e-mail of fakes are over."""
    with database.begin() as session:
        session.execute(update(Delivery).where(Delivery.delivered_at.is_(None)).values(due_at=db_now() - 1))
