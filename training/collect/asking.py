"""Sends one request to an image API until it is answered, and writes down each step before and after it."""

import os
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from training.collect.history import MOST_LOSSES, History
from training.collect.image_answers import AnswerError, LostAnswerError, PassingError, PolicyRefusalError
from training.collect.image_api import ImageApi
from training.collect.ledger import Ledger
from training.collect.terms import Terms
from training.collect.waiting import StoppedError, back_off_s
from training.collect.wishes import ImageRequest, Settings, Subject
from training.errors import TrainingError

# So many wrong requests in a row are not the prompts' fault.
_BAD_IN_A_ROW = 3


@dataclass
class _Left:
    """Attempts that one request has left: after busy or broken answers, and after lost ones."""

    failures: int
    losses: int


class Asker:
    """Asks an API from several threads, within one pace, one purse and one ledger.

    Args:
        bases: the given pictures as PNG, by the SHA-256 of what they were made from.
        answers: a directory for answers that are not worked through.
        history: what earlier runs did.
    """

    def __init__(
        self,
        api: ImageApi,
        settings: Settings,
        bases: Mapping[str, bytes],
        *,
        ledger: Ledger,
        answers: Path,
        history: History,
        terms: Terms,
    ) -> None:
        self._api = api
        self._settings = settings
        self._bases = bases
        self._ledger = ledger
        self._answers = answers
        self._losses = dict(history.lost)
        self._refused: set[Subject] = set(history.refused)
        self._spent = history.spent
        self._terms = terms
        self._bad_in_a_row = 0
        self._lock = threading.Lock()

    @property
    def spent(self) -> Decimal:
        """What all runs so far may have cost."""
        return self._spent

    def ask(self, request: ImageRequest) -> str:
        """Gets the answer to one request into the directory of answers.

        Returns:
            "answered", "refused", "failed", "lost" or "stopped".

        Raises:
            TrainingError: no request of this run can succeed.
        """
        try:
            return self._ask(request)
        except StoppedError:
            return "stopped"
        except TrainingError:
            # At once, and not when somebody reads the error: the next request may be paid for in vain.
            self._terms.pace.stop()
            raise

    def _ask(self, request: ImageRequest) -> str:
        left = _Left(self._terms.retries, max(1, MOST_LOSSES - self._losses.get(request, 0)))
        while True:
            if request.subject in self._refused:
                return "refused"
            self._terms.pace.wait_turn()
            outcome = self._try(request, left)
            if outcome is not None:
                return outcome

    def _try(self, request: ImageRequest, left: "_Left") -> str | None:
        """One attempt; None where another one is due."""
        self._send(request)
        base = self._bases.get(request.subject.base_sha256)
        try:
            body, wait_s = self._api.ask(request, self._settings, base)
        except AnswerError as error:
            return self._take_in(request, error, left)
        except TrainingError as error:
            self._unpaid(request, "failed", str(error))
            raise
        self._put_away(request, body)
        if wait_s is not None:
            self._terms.pace.hold(wait_s)
        return "answered"

    def _take_in(self, request: ImageRequest, error: AnswerError, left: "_Left") -> str | None:
        why = str(error)
        if isinstance(error, LostAnswerError):
            self._ledger.write({"state": "lost", "request": request.name, "why": why})
            left.losses -= 1
            if left.losses == 0:
                return "lost"
        elif isinstance(error, PassingError):
            self._unpaid(request, "failed", why)
            left.failures -= 1
            if left.failures < 0:
                return "failed"
        elif isinstance(error, PolicyRefusalError):
            self._refused.add(request.subject)
            self._unpaid(request, "refused", why)
            return "refused"
        else:
            self._unpaid(request, "failed", why)
            self._count_bad(why)
            return "failed"
        self._rest(self._terms.retries - left.failures, error.wait_s)
        return None

    def _send(self, request: ImageRequest) -> None:
        """Writes down what is about to be sent, if the purse allows it."""
        each, most = self._terms.purse.each, self._terms.purse.most
        price = None if each is None else each * len(request.slots)
        with self._lock:
            if price is not None and most is not None and self._spent + price > most:
                raise TrainingError(
                    f"{self._spent} are spent and the next request costs {price}, which --max-cost {most} forbids:"
                    " raise it to go on"
                )
            self._spent += price or 0
        self._ledger.write(
            {
                "state": "sent",
                "request": request.name,
                "slots": request.slots,
                "price": None if price is None else str(price),
                "model": self._settings.model,
                "operation": self._settings.operation,
                "prompt": request.subject.prompt,
                "base_sha256": request.subject.base_sha256,
            }
        )

    def _unpaid(self, request: ImageRequest, state: str, why: str) -> None:
        self._ledger.write({"state": state, "request": request.name, "why": why})
        with self._lock:
            self._spent -= (self._terms.purse.each or 0) * len(request.slots)

    def _count_bad(self, why: str) -> None:
        with self._lock:
            self._bad_in_a_row += 1
            if self._bad_in_a_row >= _BAD_IN_A_ROW:
                raise TrainingError(f"{_BAD_IN_A_ROW} requests in a row were wrong; the last: {why}: correct them")

    def _put_away(self, request: ImageRequest, body: bytes) -> None:
        """Lays the answer on the disk, whole, before anything is done with it: it is paid for."""
        arriving = self._answers / f"{request.name}.partial"
        with arriving.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        arriving.replace(self._answers / f"{request.name}.json")
        with self._lock:
            self._bad_in_a_row = 0

    def _rest(self, failures: int, wait_s: float | None) -> None:
        """Waits before the next attempt: all of us where the API says how long, else this thread alone."""
        if wait_s is None:
            self._terms.pace.sleep(back_off_s(failures, chance=random.random()))  # noqa: S311 - spreads retries, no secret
        else:
            self._terms.pace.hold(wait_s)
