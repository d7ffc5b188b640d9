"""Checks what became of a drill's videos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from db.invariants import Findings, find_violations
from scheduler.drill.clips import POISONS, Clip, score_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_clips(session: Session, clips: Sequence[Clip]) -> Findings:
    """What is wrong with them; those that were really looked at may have any score."""
    return find_violations(
        session,
        expected=[os.fsencode(clip.path) for clip in clips],
        poison=[os.fsencode(clip.path) for clip in clips if clip.kind in POISONS],
        scores={clip.sha256: score_of(clip.sha256) for clip in clips if clip.kind != "whole"},
    )
