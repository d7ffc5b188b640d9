"""Figures of scored files: whole, by source and by band."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.dataset import Item
from training.measuring import Scored, cluster_items, figures_of, notes_on, verdicts_of


def _items(spec: Sequence[tuple[str, str]], *, kind: str = "image", identities: Sequence[str] = ()) -> list[Item]:
    named = identities or [""] * len(spec)
    return [
        Item(
            path=Path(f"{number}.png"),
            kind=kind,  # type: ignore[arg-type]  # one of the two
            label=label,  # type: ignore[arg-type]  # one of the two
            source=source,
            identities=(identity,) if identity else (),
        )
        for number, ((label, source), identity) in enumerate(zip(spec, named, strict=True))
    ]


def _scored(items: Sequence[Item], scores: Sequence[float], **changes: Any) -> Scored:
    places = np.arange(len(items))
    values: dict[str, Any] = {"clusters": cluster_items(items), "groups": places, **changes}
    return Scored(items, np.array(scores, np.float64), **values)


FOUR = _items([("real", "camera"), ("real", "phone"), ("fake", "gan"), ("fake", "swap")])


def test_each_source_has_its_mean_its_side_and_its_rank() -> None:
    """A fake source below one half is on the wrong side; a source is ranked against the whole other class."""
    figures = figures_of(_scored(FOUR, [0.1, 0.6, 0.4, 0.9]))

    sources = figures["sources"]
    assert {name: found["mean_score"] for name, found in sources.items()} == {
        "real camera": 0.1,
        "real phone": 0.6,
        "fake gan": 0.4,
        "fake swap": 0.9,
    }
    assert {name: found["is_right_side"] for name, found in sources.items()} == {
        "real camera": True,
        "real phone": False,
        "fake gan": False,
        "fake swap": True,
    }
    assert sources["fake gan"]["auc_against_other_class"] == 0.5
    assert sources["real camera"]["auc_against_other_class"] == 1.0
    assert sources["real phone"]["called_right"] == 0.0


def test_bands_are_measured_alone() -> None:
    """Of a band with one class there is no ranking; bands come in the order of their numbers."""
    bands = {"face_size": ["under 64 px", "64-95 px", "64-95 px", "64-95 px"]}

    found = figures_of(_scored(FOUR, [0.1, 0.6, 0.4, 0.9], bands=bands))["face_size"]

    assert list(found) == ["under 64 px", "64-95 px"]
    assert found["under 64 px"] == {"real": 1, "fake": 0, "mean_score_real": 0.1, "real_called_right": 1.0}
    assert (found["64-95 px"]["real"], found["64-95 px"]["fake"], found["64-95 px"]["auc"]) == (1, 2, 0.5)
    assert found["64-95 px"]["mean_score_fake"] == pytest.approx(0.65)


def test_verdicts_are_counted_by_the_bundles_thresholds() -> None:
    """Three verdicts for two truths, and rates with intervals that are never of no width."""
    found = verdicts_of(_scored(FOUR, [0.1, 0.6, 0.4, 0.9]), {"real_below": 0.4, "fake_from": 0.8})

    assert found["counts"] == {
        "real": {"real": 1, "uncertain": 1, "fake": 0},
        "fake": {"real": 0, "uncertain": 1, "fake": 1},
    }
    assert found["rates"]["real_called_fake"] == {"share": 0.0, "interval": (0.0, 1.0)}
    assert found["rates"]["real_not_called_real"]["share"] == 0.5
    assert found["rates"]["fake_called_fake"]["share"] == 0.5


def test_no_false_alarm_among_many_bounds_the_rate() -> None:
    """None of 300 still may be 1 %."""
    found = verdicts_of(_scored(_items([("real", "camera")] * 300), [0.1] * 300), {"real_below": 0.4, "fake_from": 0.8})

    assert found["rates"] == {
        "real_called_fake": {"share": 0.0, "interval": (0.0, 0.01)},
        "real_not_called_real": {"share": 0.0, "interval": (0.0, 0.01)},
    }


def test_one_class_gives_means_and_says_why_nothing_else() -> None:
    """Real files alone are no error: their scores are worth knowing."""
    figures = figures_of(_scored(FOUR[:2], [0.1, 0.6]))

    assert "auc" not in figures
    assert figures["real"] == 2
    assert figures["notes"] == ["only real examples: nothing that compares the two classes can be measured"]
    assert figures["sources"]["real camera"]["mean_score"] == 0.1


def test_one_example_is_enough_not_to_fail() -> None:
    """The tiniest set has figures, if empty ones."""
    figures = figures_of(_scored(FOUR[:1], [0.1]))

    assert figures["examples"] == 1
    assert figures["brier"] == pytest.approx(0.01)


def test_files_that_share_a_person_are_drawn_together() -> None:
    """Whatever their sources; files without a name are alone even within a source."""
    items = _items(
        [("real", "a"), ("fake", "b"), ("real", "a"), ("real", "a")], identities=["swap:bob", "swap:bob", "", ""]
    )

    clusters = cluster_items(items)

    assert clusters[0] == clusters[1]
    assert len(set(clusters.tolist())) == 3


def test_folds_are_measured_apart() -> None:
    """A fold with one class has no ranking of its own."""
    figures = figures_of(_scored(FOUR, [0.1, 0.6, 0.4, 0.9], folds=np.array([0, 1, 1, 2])))

    assert figures["auc_by_fold"] == {"1": 0.0}


@pytest.mark.parametrize(("real", "notes"), [(49, 3), (100, 2), (300, 1)])
def test_notes_say_what_is_too_few(real: int, notes: int) -> None:
    """For 1 %, for 5 %, and for intervals."""
    found = notes_on({"real": real, "fake": 10, "clusters": 12})

    assert len(found) == notes
    assert any("here are 49: left out" in note for note in found) == (real == 49)


def test_parts_must_be_as_many_as_examples() -> None:
    """A band that was forgotten for one example would move all that follow."""
    with pytest.raises(ValueError, match="one value for each of 4"):
        _scored(FOUR, [0.1, 0.2, 0.3, 0.4], bands={"quality": ["a"]})
