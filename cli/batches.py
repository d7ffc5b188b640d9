"""Finds the batch or the video that a person means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.rendering.names import display_name
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.batches import BatchRecord


def named_batch(session: Session, wanted: str | None) -> BatchRecord:
    """The batch of this id, the latest of this name, or the latest of all; anything else is refused."""
    from db.batches import find_batch, list_batches

    found = find_batch(session, wanted)
    if found is not None:
        return found
    if wanted is None:
        raise click.ClickException("there is no batch yet: make one with `fakesweep scan PATH...`")
    known = ", ".join(f"{batch.id} ({safe_text(batch.name)})" for batch in list_batches(session, limit=5))
    raise click.ClickException(f"no batch {wanted!r}: the latest are {known or 'none'}")


def named_video(session: Session, wanted: str) -> int:
    """The id of the video of this path, number or start of a hash; several or none are refused."""
    from db.videos import find_videos, read_video

    found = find_videos(session, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise click.ClickException(
            f"no video {display_name(wanted)!r} is known: name a path that was scanned, a number, "
            "or at least four characters of a SHA-256"
        )
    candidates = [read_video(session, video_id) for video_id in found]
    lines = [f"  {video['sha256'][:16]}  {safe_text(video['path'])}" for video in candidates if video]
    raise click.ClickException("\n".join([f"{wanted!r} is the start of several hashes:", *lines]))
