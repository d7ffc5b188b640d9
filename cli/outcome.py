"""What the exit status of a scan says about its batch."""

from collections.abc import Mapping
from typing import Any

ALL_JUDGED = 0
SOME_NOT_JUDGED = 3
COUNTS_DO_NOT_ADD_UP = 4

_GOOD = ("judged", "no_face")
_WAITING = ("queued", "running")


def exit_status(batch: Mapping[str, Any], *, listed: int) -> int:
    """0 when every file ended `judged` or `no_face`, 3 when some ended otherwise, 4 when the counts disagree.

    Args:
        batch: `submitted` and `counts` of a batch that is over.
        listed: videos in its report.
    """
    counts: Mapping[str, int] = batch["counts"]
    is_consistent = batch["submitted"] == sum(counts.values()) == listed
    if not is_consistent or any(counts.get(state) for state in _WAITING):
        return COUNTS_DO_NOT_ADD_UP
    are_all_good = sum(counts.get(state, 0) for state in _GOOD) == batch["submitted"]
    return ALL_JUDGED if are_all_good else SOME_NOT_JUDGED
