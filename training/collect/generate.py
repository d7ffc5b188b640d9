"""Collects generated faces from an image API: asks, keeps what comes, and goes on where a run before ended."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from training.collect.asking import Asker
from training.collect.crew import Crew
from training.collect.download import Downloader, DownloadError
from training.collect.estimate import Estimate
from training.collect.generation_plan import GenerateOptions, answers_at_hand
from training.collect.history import read_history
from training.collect.image_answers import SentPicture, pictures_in
from training.collect.image_api import ImageApi
from training.collect.picture_check import RejectedPictureError, check_picture
from training.collect.target import Provenance, Target
from training.collect.terms import Purse, Terms
from training.collect.waiting import Pace
from training.collect.wishes import ImageRequest, Subject

_DOWNLOAD_ATTEMPTS = 3


@dataclass
class Tally:
    """What a run has come to: pictures kept and rejected, and requests without pictures."""

    kept: int = 0
    rejected: int = 0
    refused: int = 0
    failed: int = 0
    lost: int = 0
    stopped: int = 0


class Generation:
    """One run.

    Args:
        downloader: for answers that only say where the pictures are.
        say: takes a line for people.
    """

    def __init__(
        self,
        options: GenerateOptions,
        target: Target,
        api: ImageApi,
        downloader: Downloader,
        pace: Pace,
        *,
        say: Callable[[str], None],
    ) -> None:
        self._options = options
        self._target = target
        self._downloader = downloader
        self._pace = pace
        self._say = say
        self._api = api
        self._asker = Asker(
            api,
            options.settings,
            options.bases,
            ledger=target.ledger,
            answers=target.state / "answers",
            history=read_history(target.ledger.entries),
            terms=Terms(pace, Purse(options.each, options.most), options.retries),
        )
        self._failure: Exception | None = None
        self.tally = Tally()

    @property
    def spent(self) -> Decimal:
        """What all runs so far may have cost."""
        return self._asker.spent

    def run(self, todo: Estimate) -> Tally:
        """Asks for what is left.

        Raises:
            TrainingError: no further request can succeed; what came is kept.
        """
        self._work_through_answers()
        with closing(Crew(self._asker.ask, threads=self._options.threads)) as crew:
            try:
                for request in todo.requests:
                    if not crew.has_room:
                        self._take(crew)
                    if self._pace.is_stopped:
                        break
                    crew.give(request)
                self._drain(crew)
            except KeyboardInterrupt:
                self._pace.stop()
                self._say("Waiting for the answers to what was sent: they may be charged. Ctrl-C again leaves them.")
                self._drain(crew)
                raise
        if self._failure is not None:
            self._work_through_answers()
            raise self._failure
        return self.tally

    def _work_through_answers(self) -> None:
        for path, request in answers_at_hand(self._target.state, self._target.ledger.entries).items():
            self._work_through(path, request)

    def _drain(self, crew: Crew[ImageRequest, str]) -> None:
        while crew.under_way:
            self._take(crew)

    def _take(self, crew: Crew[ImageRequest, str]) -> None:
        request, outcome = crew.take()
        if isinstance(outcome, Exception):
            self._pace.stop()
            self._failure = self._failure or outcome
        elif outcome == "answered":
            self._work_through(self._target.state / "answers" / f"{request.name}.json", request)
        else:
            setattr(self.tally, outcome, getattr(self.tally, outcome) + 1)
        tally = self.tally
        self._say(f"{tally.kept} kept, {tally.rejected} rejected, {tally.refused} refused, {tally.failed} failed")

    def _work_through(self, path: Path, request: ImageRequest) -> None:
        """Keeps the pictures of an answer; only then is the answer thrown away."""
        pictures: list[dict[str, Any]] = []
        for sent in pictures_in(path.read_bytes()):
            try:
                pictures.append(self._keep(sent, request.subject))
            except RejectedPictureError as error:
                self.tally.rejected += 1
                pictures.append({"why": str(error)})
            except DownloadError as error:
                self._say(f"the picture of an answer cannot be fetched ({error}): the next run tries again")
                self.tally.failed += 1
                return
        self._target.ledger.write({"state": "saved", "request": request.name, "pictures": pictures})
        path.unlink()
        self._target.write_manifest_sometimes()

    def _keep(self, sent: SentPicture, subject: Subject) -> dict[str, Any]:
        content = sent.content if sent.content is not None else self._fetch(sent.url or "")
        checked = check_picture(content, faces=self._options.faces)
        twin = self._target.twin_of(checked, is_near_enough=False)
        if twin is not None:
            raise RejectedPictureError(f"the same picture as {twin}")
        provenance = Provenance(
            label="fake",
            source=self._options.source,
            identity=f"picture:{subject.base_sha256[:16]}" if subject.base_sha256 else "",
            licence=self._options.licence,
            origin=self._api.base_url,
            generator=self._options.settings.model,
            prompt=subject.prompt,
        )
        self.tally.kept += 1
        return {**self._target.keep(content, checked, provenance), "revised_prompt": sent.revised_prompt}

    def _fetch(self, url: str) -> bytes:
        for _ in range(_DOWNLOAD_ATTEMPTS - 1):
            try:
                return self._downloader.get(url)
            except DownloadError as error:
                if error.ending != "passing":
                    raise RejectedPictureError(f"its picture cannot be fetched: {error}") from error
        return self._downloader.get(url)
