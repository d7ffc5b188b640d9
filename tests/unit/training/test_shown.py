"""How often a face is shown follows from its source, its reviewers and the old set's share."""

from pathlib import Path

import numpy as np
import pytest

from training.dataset import Item, Kind, Label
from training.shown import MOST_OFTEN, shown_weights


def faces(
    count: int, label: Label, source: str, *, kind: Kind = "image", weight: float = 1.0, is_reviewed: bool = False
) -> list[Item]:
    """The items of so many faces."""
    return [Item(Path(source), kind, label, source, weight=weight, is_reviewed=is_reviewed)] * count


def share(items: list[Item], chosen: str, weights: np.ndarray) -> float:
    """Of the faces of its class, how many are of this source."""
    named = np.array([item.source == chosen for item in items])
    label = items[int(np.flatnonzero(named)[0])].label
    of_class = np.array([item.label == label for item in items])
    return float(weights[named].sum() / weights[of_class].sum())


def test_a_source_counts_as_its_root() -> None:
    """Of 100 and 4 faces, the larger source is shown five times as often, not twenty-five times."""
    items = faces(100, "real", "large") + faces(4, "real", "small") + faces(9, "fake", "other")

    weights = shown_weights(items, replay=0.8, video_share=None)

    assert share(items, "large", weights) == pytest.approx(10 / 12)


def test_the_old_set_keeps_its_share_of_each_class() -> None:
    """However many faces were reviewed, four of five shown are of the old set."""
    items = (
        faces(400, "real", "old real")
        + faces(100, "fake", "old fake")
        + faces(60, "real", "new real", kind="video", is_reviewed=True)
        + faces(300, "fake", "new fake", kind="video", is_reviewed=True)
    )

    weights = shown_weights(items, replay=0.8, video_share=None)

    assert share(items, "new real", weights) == pytest.approx(0.2)
    assert share(items, "new fake", weights) == pytest.approx(0.2)


def test_wrong_ones_come_more_often_than_confirmed_ones() -> None:
    """Weights are kept among reviewed faces of one source."""
    items = faces(400, "real", "old") + faces(400, "fake", "old fake")
    items += faces(20, "real", "reviewed", weight=4.0, is_reviewed=True)
    items += faces(20, "real", "reviewed", weight=1.0, is_reviewed=True)

    weights = shown_weights(items, replay=0.9, video_share=None)

    assert weights[810] == pytest.approx(4 * weights[830])


def test_a_handful_is_not_learnt_by_heart() -> None:
    """Two reviewed faces beside ten thousand are not a fifth of all that is shown, but ten times an old one each."""
    items = faces(10_000, "real", "old") + faces(10_000, "fake", "old fake")
    items += faces(2, "real", "new", is_reviewed=True)

    weights = shown_weights(items, replay=0.8, video_share=None)

    assert weights[-1] == pytest.approx(MOST_OFTEN * weights[0])


def test_reviewed_videos_alone_change_no_share_of_videos() -> None:
    """Where the share of videos is set, it is the same in both classes, whichever was reviewed."""
    items: list[Item] = []
    for label in ("real", "fake"):
        items += faces(50, label, f"{label} pictures") + faces(30, label, f"{label} videos", kind="video")
    items += faces(40, "fake", "new", kind="video", is_reviewed=True)

    weights = shown_weights(items, replay=0.75, video_share=0.4)

    assert share(items, "real videos", weights) == pytest.approx(0.4)
    assert share(items, "fake videos", weights) == pytest.approx(0.3)
    assert share(items, "new", weights) == pytest.approx(0.1)


def test_nothing_old_leaves_the_weights_alone() -> None:
    """A class of reviewed faces only is shown as it is."""
    items = faces(4, "real", "old") + faces(9, "fake", "new", is_reviewed=True)

    weights = shown_weights(items, replay=0.8, video_share=0.5)

    assert weights[4:] == pytest.approx(np.full(9, 1 / 3))
