"""Where an entry stands: it waits, it ended in a state, or it was judged, and by its batch's thresholds is so.

A standing is derived, and kept only so that counting and listing need not look at every scan. Other thresholds or
another aggregation look at the scores.
"""

from db.states import WAITING_STATES
from db.verdicts import VERDICTS, Thresholds, verdict_of

WAITING = "waiting"
"""Queued or running: which of the two, the scan says."""

UNSETTLED = "judged"
"""Judged by a classifier without thresholds for the batch's aggregation."""

JUDGED_STANDINGS = (*VERDICTS, UNSETTLED)


def standing_of(state: str, score: float | None, thresholds: Thresholds | None) -> str:
    """The standing of an entry whose scan is in this state, with this score under the batch's aggregation."""
    if state in WAITING_STATES:
        return WAITING
    if state != "judged" or score is None:
        return state
    return UNSETTLED if thresholds is None else verdict_of(score, thresholds)
