"""Collects real faces behind the URLs of an export: careful where it asks, choosy in what it keeps, quick to go on."""

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from training.collect.crew import Crew
from training.collect.download import Downloader, DownloadError
from training.collect.entries import Entry
from training.collect.picture_check import FaceRule, RejectedPictureError, check_picture
from training.collect.places import Label, check_source
from training.collect.target import Provenance, Target
from training.collect.waiting import Pace, StoppedError, back_off_s
from training.errors import TrainingError
from worker.pipeline.picture_size import PICTURE_KINDS
from worker.pipeline.sniffing import picture_kind

# A server that asks for more than this is asked again by the next run.
_LONGEST_WAIT_S = 60.0
OUTCOMES = ("saved", "duplicate", "rejected", "blocked", "failed")
"""How an entry can end; all but the last are final."""

_FINAL = frozenset(OUTCOMES[:-1])
_STATE_OF = {"blocked": "blocked", "refused": "rejected", "passing": "failed"}


@dataclass(frozen=True)
class FetchOptions:
    """What is wanted.

    Args:
        limit: pictures to keep in this run, None for all.
        threads: downloads at once.
        per_host: downloads at once from one host.
        retries: further attempts after a passing failure.
        min_side_px: of the shorter side of a picture.
    """

    source: str
    label: Label = "real"
    licence: str = ""
    limit: int | None = None
    threads: int = 8
    per_host: int = 4
    retries: int = 2
    min_side_px: int = 64
    faces: FaceRule | None = None

    def __post_init__(self) -> None:
        check_source(self.source)
        for name in ("threads", "per_host"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class _Found:
    """What came of the URLs of an entry: a picture's content, or why there is none."""

    url: str
    content: bytes | None
    state: str
    why: str = ""


class Fetching:
    """One run.

    Args:
        say: takes a line for people.
    """

    def __init__(
        self, options: FetchOptions, target: Target, downloader: Downloader, *, say: Callable[[str], None]
    ) -> None:
        self._options = options
        self._target = target
        self._downloader = downloader
        self._say = say
        self._pace = Pace(None)
        places = options.per_host
        self._hosts: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(places))
        self._hosts_lock = threading.Lock()
        self.tally: Counter[str] = Counter()

    def run(self, entries: Iterable[Entry]) -> Counter[str]:
        """Fetches what no run before has dealt with.

        Returns:
            how many entries ended as saved, duplicate, rejected, blocked, failed and known (from a run before).
        """
        known = {
            entry["entry"] for entry in self._target.ledger.entries if entry["state"] in _FINAL and "entry" in entry
        }
        with closing(Crew(self._find, threads=self._options.threads)) as crew:
            try:
                for entry in entries:
                    if entry.urls[0] in known:
                        self.tally["known"] += 1
                        continue
                    if not crew.has_room:
                        self._take(crew)
                    if self._has_enough():
                        break
                    crew.give(entry)
                while crew.under_way:
                    self._take(crew)
            finally:
                self._pace.stop()
        return self.tally

    def _has_enough(self) -> bool:
        return self._options.limit is not None and self.tally["saved"] >= self._options.limit

    def _take(self, crew: Crew[Entry, _Found]) -> None:
        entry, found = crew.take()
        if isinstance(found, Exception):
            raise found
        if self._has_enough():
            return
        state = self._deal_with(entry, found)
        self.tally[state] += 1
        self._target.write_manifest_sometimes()
        self._say(", ".join(f"{self.tally[name]} {name}" for name in OUTCOMES))

    def _deal_with(self, entry: Entry, found: _Found) -> str:
        line = {"entry": entry.urls[0], "url": found.url}
        if found.content is None:
            self._target.ledger.write({"state": found.state, **line, "why": found.why})
            return found.state
        try:
            picture = check_picture(found.content, min_side_px=self._options.min_side_px, faces=self._options.faces)
        except RejectedPictureError as error:
            self._target.ledger.write({"state": "rejected", **line, "why": str(error)})
            return "rejected"
        twin = self._target.twin_of(picture)
        if twin is not None:
            self._target.ledger.write({"state": "duplicate", **line, "sha256": picture.sha256, "why": f"as {twin}"})
            return "duplicate"
        identity = entry.identity.replace(";", ",").strip()
        provenance = Provenance(
            label=self._options.label,
            source=self._options.source,
            # The second is what pictures made from this one carry too.
            identity=f"person:{identity}" if identity else f"picture:{picture.sha256[:16]}",
            licence=entry.licence or self._options.licence,
            origin=found.url,
        )
        kept = self._target.keep(found.content, picture, provenance)
        self._target.ledger.write({"state": "saved", **line, "pictures": [kept]})
        return "saved"

    def _find(self, entry: Entry) -> _Found:
        """The first of an entry's URLs behind which there is a picture; runs in the crew's threads."""
        misses: list[_Found] = []
        for url in entry.urls:
            try:
                content = self._download(url)
            except StoppedError:
                return _Found(url, None, "failed", "stopped")
            except DownloadError as error:
                misses.append(_Found(url, None, _STATE_OF[error.ending], str(error)))
            else:
                kind = picture_kind(content[:64])
                if kind in PICTURE_KINDS:
                    return _Found(url, content, "saved")
                what = f"a {kind} picture" if kind else "no picture"
                misses.append(
                    _Found(url, None, "rejected", f"it is {what}; pictures may be {', '.join(PICTURE_KINDS)}")
                )
        # What may be there tomorrow is asked for again.
        return min(misses, key=lambda miss: ("failed", "rejected", "blocked").index(miss.state))

    def _download(self, url: str) -> bytes:
        with self._place_at(url):
            for attempt in range(1, self._options.retries + 1):
                if self._pace.is_stopped:
                    raise StoppedError
                try:
                    return self._downloader.get(url)
                except DownloadError as error:
                    if error.ending != "passing" or (error.wait_s or 0) > _LONGEST_WAIT_S:
                        raise
                    chance = random.random()  # noqa: S311 - spreads retries, no secret
                    self._pace.sleep(back_off_s(attempt, chance=chance) if error.wait_s is None else error.wait_s)
            return self._downloader.get(url)

    def _place_at(self, url: str) -> threading.Semaphore:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        with self._hosts_lock:
            return self._hosts[host]
