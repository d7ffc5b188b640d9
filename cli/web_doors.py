"""What the command line lends to the web application."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cli.live_sources import NamedSource
    from db.registry import RegisteredClassifier
    from db.session import Database
    from training.collect.image_api import ImageApi
    from web.doors import Doors
    from worker.settings import Settings

_OPENAI = "https://api.openai.com/v1"
# Somebody sits before the page and waits.
_PICTURE_WITHIN_S = 120.0


def make_doors(
    settings: Settings, database: Database, send_waiting: Callable[[], None], live: Sequence[NamedSource] = ()
) -> Doors:
    """The doors of an installation; `live` may be watched."""
    from cli.opening import classifier_for_submission
    from web.doors import Doors, LiveDoor

    def choose_classifier() -> int:
        with database.begin() as session:
            return classifier_for_submission(session, settings).id

    return Doors(
        send_waiting=send_waiting,
        choose_classifier=choose_classifier,
        write_report=partial(write_batch_report, settings),
        write_video_report=partial(write_video_report, settings),
        activate=partial(_activate, database, settings),
        roll_back=partial(_roll_back, database),
        picture_command=_helper("cli.picture_helper"),
        generate_picture=_picture_maker(),
        live=tuple(LiveDoor(one.name, _helper("cli.live_helper"), {"source": one.source}) for one in live),
    )


def write_batch_report(
    settings: Settings, session: Session, batch_id: int, stream: IO[str], *, format_: str, **wanted: Any
) -> None:
    """Writes the report of a batch as "json", "csv" or "html", while it is read.

    Args:
        wanted: aggregate, state, verdict and limit, as `db.reports.open_report` takes them.

    Raises:
        UnfitWishError: these do not fit.
    """
    from cli.batch_report import open_batch_report
    from web.doors import UnfitWishError

    try:
        write = open_batch_report(session, batch_id, settings, format_=format_, **wanted)
    except ValueError as error:
        raise UnfitWishError(str(error)) from error
    write(stream)


def write_video_report(settings: Settings, session: Session, video: Mapping[str, Any], stream: IO[str]) -> None:
    """Writes one video, as `db.videos.read_video` tells it, as an HTML page."""
    from cli.evidence_report import write_video_page

    write_video_page(session, video, stream, settings)


def _helper(module: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", module)


def _activate(
    database: Database, settings: Settings, candidate: RegisteredClassifier, reason: str | None, actor: str
) -> None:
    import click

    from cli.gating import Wish, activate_through_gate
    from cli.opening import require_unaltered
    from training.errors import TrainingError
    from worker.pipeline.errors import PipelineError

    try:
        require_unaltered(candidate)
        activate_through_gate(database, settings, candidate, Wish(reason=reason, actor=actor))
    except click.ClickException as error:
        raise ValueError(error.message) from error
    except (TrainingError, PipelineError) as error:
        raise ValueError(str(error)) from error


def _roll_back(database: Database, reason: str | None, actor: str) -> None:
    from cli.opening import require_unaltered
    from db.activations import note_activation
    from db.registry import lock_active, rollback_classifier
    from worker.pipeline.errors import PipelineError

    with database.begin() as session:
        before = lock_active(session)
        found = rollback_classifier(session)
        if found is None:
            raise ValueError("there is no earlier classifier to go back to")
        try:
            require_unaltered(found)
        except PipelineError as error:
            # The exception undoes it.
            raise ValueError(str(error)) from error
        note_activation(
            session, classifier_id=found.id, previous_id=before, outcome="rolled_back", actor=actor, reason=reason
        )


def _picture_maker() -> Callable[[str, str], bytes] | None:
    """Draws pictures by an image API; None where the environment has neither a key nor an address."""
    from training.collect.image_api import ImageApi
    from training.collect.keys import find_key

    # The environment alone: a directory that the server was started in by chance decides nothing.
    key = find_key(os.environ, folder=Path(os.devnull))
    base_url = os.environ.get("FAKESWEEP_IMAGE_API_URL") or os.environ.get("OPENAI_BASE_URL")
    if key is None and not base_url:
        return None
    api = ImageApi(base_url or _OPENAI, key, timeout_s=_PICTURE_WITHIN_S, user_agent="fakesweep")
    model = os.environ.get("FAKESWEEP_IMAGE_API_MODEL") or "gpt-image-1"
    return lambda prompt, size: _make_picture(api, model, prompt, size)


def _make_picture(api: ImageApi, model: str, prompt: str, size: str) -> bytes:
    import secrets

    from cli.collecting import USER_AGENT
    from training.collect.addresses import AddressRule
    from training.collect.download import Downloader, DownloadError
    from training.collect.image_answers import AnswerError, pictures_in
    from training.collect.wishes import ImageRequest, Subject
    from training.collect.wishes import Settings as Wishes
    from training.errors import TrainingError

    request = ImageRequest(Subject(prompt=prompt), (secrets.token_hex(16),))
    try:
        content, _ = api.ask(request, Wishes("generations", model, size), None)
        picture = pictures_in(content)[0]
        if picture.content is not None:
            return picture.content
        rule = AddressRule(trusted=frozenset({api.place}))
        return Downloader(rule, USER_AGENT).get(picture.url or "")
    except (AnswerError, DownloadError, TrainingError, IndexError) as error:
        raise ValueError(str(error) or "the answer was empty") from error
