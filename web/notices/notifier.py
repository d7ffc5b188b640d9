"""Notices what happened, and tells whoever is to be told, again and again until it was taken."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from db.errors import DatabaseError
from db.notices import (
    EVENTS,
    MAIL,
    Due,
    Target,
    Webhook,
    forget_deliveries,
    list_webhooks,
    notice,
    put_off_delivery,
    read_fakes_between,
    settle_delivery,
    take_due,
)
from db.session import Database
from web.notices.mail import send_mail, words_of_batch, words_of_fakes
from web.notices.webhook import DeliveryError, Sender, make_sender, send_event
from worker.settings import Settings

logger = logging.getLogger(__name__)

_LOOKS_EVERY_S = 3.0
# Longer than any delivery takes: one that is not settled by then died with its process.
_LEASE_S = 120.0
_AT_ONCE = 4
# 10 s, 40 s, 160 s ... up to six hours: two days in all.
_FIRST_PAUSE_S, _PAUSE_GROWS, _LONGEST_PAUSE_S, MOST_ATTEMPTS = 10.0, 4.0, 6 * 3600.0, 14
_REMEMBERED_S = 30 * 24 * 3600.0
_THREAD_ENDS_WITHIN_S = 15.0


@dataclass(frozen=True)
class Notifier:
    """Tells whom the settings and the database name.

    Args:
        environ: where the secrets of webhooks are.
    """

    settings: Settings
    database: Database
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Notices and tells in a thread meanwhile."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(_LOOKS_EVERY_S):
                try:
                    self.work()
                except DatabaseError as error:
                    logger.warning("notices wait: %s", error)

        thread = threading.Thread(target=run, name="notices", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(_THREAD_ENDS_WITHIN_S)

    def work(self) -> int:
        """Notices what is new and tells what is due; returns how many were told."""
        with self.database.read() as session:
            webhooks = {f"webhook:{webhook.id}": webhook for webhook in list_webhooks(session)}
        targets = [Target(name, frozenset(webhook.events)) for name, webhook in webhooks.items()]
        if self._sends_mail:
            targets.append(Target(MAIL, frozenset(EVENTS)))
        with self.database.begin() as session:
            made = notice(session, targets)
            if made:
                forget_deliveries(session, older_than_s=_REMEMBERED_S)
            due = take_due(session, lease_s=_LEASE_S)
        if not due:
            return 0
        sender = make_sender(allow_private=self.settings.web.allows_private_webhooks)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return sum(threads.map(lambda one: self._tell(one, webhooks, sender), due))

    @property
    def _sends_mail(self) -> bool:
        web = self.settings.web
        return bool(web.smtp_url and web.mail_to)

    def _tell(self, due: Due, webhooks: Mapping[str, Webhook], sender: Sender) -> bool:
        try:
            if due.target == MAIL:
                self._mail(due)
            else:
                self._post(due, webhooks, sender)
        except DeliveryError as error:
            retry_s = None if error.is_final or due.attempt >= MOST_ATTEMPTS else _pause_s(due.attempt)
            ending = "given up" if retry_s is None else f"again in {retry_s:.0f} s"
            logger.warning("%s was not told of %s: %s; %s", due.target, due.event_key, error, ending)
            with self.database.begin() as session:
                put_off_delivery(session, due.id, error=str(error), retry_s=retry_s)
            return False
        with self.database.begin() as session:
            settle_delivery(session, due.id)
        return True

    def _post(self, due: Due, webhooks: Mapping[str, Webhook], sender: Sender) -> None:
        webhook = webhooks.get(due.target)
        if webhook is None:
            raise DeliveryError("the webhook was removed", is_final=True)
        secret = self.environ.get(webhook.secret_env, "")
        if not secret:
            raise DeliveryError(f"the variable {webhook.secret_env} holds no secret where this process runs")
        event: dict[str, Any] = {"id": f"{due.target}:{due.event_key}", "event": due.event, **due.body}
        send_event(sender, webhook.url, secret, event)

    def _mail(self, due: Due) -> None:
        web = self.settings.web
        if not self._sends_mail:
            raise DeliveryError("e-mail is not set up where this process runs")
        if due.event == "batch.ended":
            subject, text = words_of_batch(due.body["batch"], web.url)
        else:
            with self.database.read() as session:
                videos, total = read_fakes_between(session, due.body["from"], due.body["to"])
            if not total:
                return
            subject, text = words_of_fakes(videos, total, web.url)
        send_mail(web, subject, text)


def _pause_s(attempt: int) -> float:
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * _PAUSE_GROWS ** (attempt - 1))
