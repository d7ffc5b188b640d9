"""What the database layer decides without a database."""

import math

import pytest

from db.known_files import path_key
from db.linking import ScanWish, needs_new_scan
from db.outcomes import Outcome
from db.reconciling import AfterLoss, after_loss
from db.text import storable
from db.verdicts import Thresholds, single_threshold, thresholds_of, verdict_of


@pytest.mark.parametrize(
    ("score", "verdict"),
    [(0.0, "real"), (0.299, "real"), (0.3, "uncertain"), (0.799, "uncertain"), (0.8, "fake"), (1.0, "fake")],
)
def test_verdict_changes_exactly_at_the_thresholds(score: float, verdict: str) -> None:
    """From `fake_from` on it is fake, below `real_below` it is real."""
    assert verdict_of(score, Thresholds(real_below=0.3, fake_from=0.8)) == verdict


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_single_threshold_leaves_nothing_uncertain(value: float) -> None:
    """One threshold decides every score."""
    verdicts = {verdict_of(score / 100, single_threshold(value)) for score in range(101)}

    assert "uncertain" not in verdicts


@pytest.mark.parametrize(("real_below", "fake_from"), [(0.6, 0.5), (-0.1, 0.5), (0.5, 1.1), (math.nan, 0.5)])
def test_impossible_thresholds_are_refused(real_below: float, fake_from: float) -> None:
    """Thresholds are probabilities in order."""
    with pytest.raises(ValueError, match="thresholds must satisfy"):
        Thresholds(real_below=real_below, fake_from=fake_from)


def test_manifest_without_the_aggregation_says_what_it_has() -> None:
    """A bundle that was never calibrated for an aggregation cannot give verdicts by it."""
    manifest = {"name": "n", "version": "v", "thresholds": {"mean": {"real_below": 0.1, "fake_from": 0.2}}}

    assert thresholds_of(manifest, "mean") == Thresholds(0.1, 0.2)
    with pytest.raises(ValueError, match="no thresholds for 'top-k', only for mean"):
        thresholds_of(manifest, "top-k")


@pytest.mark.parametrize(
    ("losses", "runs_alone", "is_cancel_requested", "after"),
    [
        (1, False, False, AfterLoss("queued", "worker_lost")),
        (2, False, False, AfterLoss("queued", "worker_lost", is_suspect=True)),
        (9, False, False, AfterLoss("queued", "worker_lost", is_suspect=True)),
        (3, True, False, AfterLoss("quarantined", "worker_lost")),
        (3, True, True, AfterLoss("cancelled", "cancelled")),
    ],
)
def test_loss_condemns_only_what_ran_alone(
    losses: int, after: AfterLoss, *, runs_alone: bool, is_cancel_requested: bool
) -> None:
    """Lost twice means alone from now on; lost alone means quarantine; a wish to stop is granted."""
    assert after_loss(losses=losses, runs_alone=runs_alone, is_cancel_requested=is_cancel_requested) == after


@pytest.mark.parametrize(
    ("state", "reason", "forced", "is_new"),
    [
        ("judged", None, False, False),
        ("judged", None, True, True),
        ("queued", None, True, False),
        ("running", None, True, False),
        ("failed", "internal_error", False, False),
        ("failed", "internal_error", True, True),
        ("unreadable", "not_a_video", False, False),
        ("unreadable", "vanished", False, True),
        ("unreadable", "permission_denied", False, True),
    ],
)
def test_new_scan_is_made_only_where_it_can_tell_more(
    state: str, reason: str | None, *, forced: bool, is_new: bool
) -> None:
    """What ended stays, unless forced or ended by its place; what is under way is never doubled."""
    assert needs_new_scan(state, reason, forced=forced) is is_new


def test_options_key_tells_what_changes_a_score() -> None:
    """Priority is no part of what makes two scans the same."""
    keys = {ScanWish(1, frames=16, max_frames=256, priority=queue).options_key for queue in ("bulk", "interactive")}

    assert keys == {"frames=16 max_frames=256"}


def test_outcome_has_scores_exactly_when_judged() -> None:
    """A score without a verdict, a verdict without all scores, or a score out of range is refused."""
    whole = {"mean": 0.5, "top-k": 0.5, "confident": 0.5, "max-track": 0.5}

    assert Outcome(state="judged", scores=whole).state == "judged"
    for state, scores in (
        ("no_face", whole),
        ("judged", {}),
        ("judged", {"mean": 0.5}),
        ("judged", {**whole, "mean": math.nan}),
        ("queued", {}),
    ):
        with pytest.raises(ValueError, match=r"state|score"):
            Outcome(state=state, scores=scores)


@pytest.mark.parametrize(
    ("text", "stored"),
    [("plain", "plain"), ("a\0b", "a\ufffdb"), ("\udcff", "\ufffd\ufffd\ufffd"), ("x" * 11, "xxxxxxxxx…")],
)
def test_text_is_made_storable(text: str, stored: str) -> None:
    """NUL, what has no UTF-8, and what is too long for its column are replaced, never refused."""
    assert storable(text, limit=10) == stored


def test_path_of_any_bytes_and_length_has_a_key() -> None:
    """What a path is looked up by fits an index, however long the path is."""
    assert len(path_key(b"/v/\xff" * 10_000)) == 64
