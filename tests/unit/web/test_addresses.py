"""What the address of a list asks for."""

import pytest

from web.pages.listing import cursor_text, wanted_from
from web.problems import ProblemError


def test_a_standing_is_a_verdict_or_a_state() -> None:
    """One choice on the page stands for both; the words that were typed are kept without their spaces."""
    fake = wanted_from("fake", batch_id=None, order="newest", after="", limit=5)
    failed = wanted_from("failed", batch_id=3, order="score", after="", limit=5, text="  holiday ")

    assert (fake.verdict, fake.state, fake.text) == ("fake", None, None)
    assert (failed.verdict, failed.state, failed.text, failed.batch_id) == (None, "failed", "holiday", 3)


def test_a_cursor_comes_back_as_it_went() -> None:
    """A page begins exactly where the one before ended, to the last digit of a score."""
    key = (0.1 + 0.2, 17.0, 4.0)

    assert wanted_from("", batch_id=None, order="score", after=cursor_text(key), limit=5).after == key


@pytest.mark.parametrize(
    ("standing", "order", "after"),
    [("nice", "newest", ""), ("", "best", ""), ("", "newest", "x"), ("", "newest", "nan~1"), ("", "newest", "1~2~3~4")],
)
def test_what_no_page_of_ours_asks_for_is_refused(standing: str, order: str, after: str) -> None:
    """Values that somebody made up are answered by 422, not by a defect."""
    with pytest.raises(ProblemError, match="got"):
        wanted_from(standing, batch_id=None, order=order, after=after, limit=5)
