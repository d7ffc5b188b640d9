"""The exit status of a scan follows from the counts of its batch."""

import pytest

from cli.outcome import exit_status


@pytest.mark.parametrize(
    ("counts", "listed", "status"),
    [
        ({"judged": 2, "no_face": 1}, 3, 0),
        ({"judged": 2, "unreadable": 1}, 3, 3),
        ({"judged": 2, "failed": 1}, 3, 3),
        ({"judged": 2, "quarantined": 1}, 3, 3),
        ({"judged": 2, "cancelled": 1}, 3, 3),
        ({"judged": 2}, 2, 4),
        ({"judged": 3}, 2, 4),
        ({"judged": 2, "running": 1}, 3, 4),
        ({"judged": 2, "queued": 1}, 3, 4),
    ],
)
def test_exit_status(counts: dict[str, int], listed: int, status: int) -> None:
    """0 all good, 3 some ended otherwise, 4 the numbers disagree or something is still under way."""
    assert exit_status({"submitted": 3, "counts": counts}, listed=listed) == status
