"""Calibrations, thresholds and figures of held-out logits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.dataset import Item
from training.errors import TrainingError
from training.figures import fit_all, measure_all
from training.held_out import Judged

SPEC = [("image", "real"), ("image", "fake"), ("video", "real"), ("video", "fake")]


def _judged(*, kinds: Sequence[str] = ("image", "video"), each: int = 20, shift: float = 0.0, **changes: Any) -> Judged:
    """`each` items of every kind and class in two folds; a video has three faces in three frames."""
    rng = np.random.default_rng(0)
    items, places, frames, logits = [], [], [], []
    for kind, label in SPEC:
        for number in range(each if kind in kinds else 0):
            items.append(Item(Path(f"{kind}-{label}-{number}"), kind, label, f"{label} source"))  # type: ignore[arg-type]  # one of the two
            middle = (1.5 if label == "fake" else -1.5) + rng.normal() + shift
            for frame in range(3 if kind == "video" else 1):
                places.append(len(items) - 1)
                frames.append(frame)
                logits.append(middle + 0.1 * rng.normal())
    values: dict[str, Any] = {
        "items": items,
        "groups": np.arange(len(items)),
        "places": np.array(places),
        "frames": np.array(frames),
        "logits": np.array(logits),
        "folds": np.arange(len(items)) % 2,
        **changes,
    }
    return Judged(**values)


@pytest.mark.slow
def test_pictures_frames_and_videos_are_measured_apart() -> None:
    """With their counts, their folds, their bands; frames of one video are one cluster."""
    bands = {"quality": ["JPEG 75-89"] * 40 + ["h264"] * 40}

    found = measure_all(_judged(bands=bands))

    assert (found["image"]["real"], found["frame"]["real"], found["video"]["mean"]["real"]) == (20, 60, 20)
    assert found["frame"]["clusters"] == found["video"]["mean"]["clusters"] == 40
    assert set(found["image"]["auc_by_fold"]) == {"0", "1"}
    assert found["image"]["auc"] > 0.9
    assert list(found["image"]["quality"]) == ["JPEG 75-89"]
    assert list(found["frame"]["quality"]) == ["h264"]
    assert set(found["video"]) == {"mean", "top-k", "confident", "max-track"}


def test_a_fold_is_never_calibrated_on_itself() -> None:
    """A fold whose logits are shifted gets the other fold's calibration, and its scores show the shift."""
    judged = _judged(kinds=("image",))
    moved = judged.logits + np.where(judged.folds[judged.places] == 1, 4.0, 0.0)

    found = measure_all(_judged(kinds=("image",), logits=moved), only=[1])

    # Calibrated on fold 0, where logits are centred, nearly all of fold 1 is called fake; on itself half would be.
    assert found["image"]["recall"] > 0.95
    assert found["image"]["sources"]["real real source"]["called_right"] < 0.3


def test_only_the_folds_asked_for_are_measured() -> None:
    """Of a split of the material's own, the test part alone."""
    found = measure_all(_judged(kinds=("image",)), only=[1])

    assert found["image"]["examples"] == 20
    assert set(found["image"]["auc_by_fold"]) == {"1"}


def test_a_bundle_gets_calibrations_and_thresholds_for_everything() -> None:
    """Fitted on all held-out logits: a shift of all of them is taken back."""
    fitted = fit_all(_judged(shift=2.0))

    assert set(fitted.calibrations) == {"face", "image", "mean", "top-k", "confident", "max-track"}
    assert set(fitted.thresholds) == {"image", "mean", "top-k", "confident", "max-track"}
    assert fitted.calibrations["image"].apply(2.0) == pytest.approx(0.5, abs=0.1)


def test_thresholds_keep_the_rates_that_are_asked_for() -> None:
    """They stand in the manifest beside the thresholds."""
    found = fit_all(_judged(each=30), fake_from_fpr=0.1, real_below_fpr=0.2)

    for chosen in found.thresholds.values():
        assert chosen["false_positive_rates"] == {"fake_from": 0.1, "real_below": 0.2}
        assert "chosen on 30 real examples" in chosen["note"]


@pytest.mark.parametrize("kind", ["image", "video"])
def test_what_is_missing_borrows_from_what_is_there(kind: str) -> None:
    """Pictures alone, or videos alone, give thresholds for both."""
    fitted = fit_all(_judged(kinds=(kind,)))

    assert fitted.thresholds["image"] == fitted.thresholds["mean"]


def test_without_anything_real_there_are_no_thresholds() -> None:
    """The message says what to add."""
    whole = _judged(kinds=("image",), each=5)
    fakes = Judged(
        items=whole.items[5:],
        groups=np.arange(5),
        places=np.arange(5),
        frames=np.zeros(5, np.int64),
        logits=whole.logits[5:],
        folds=np.zeros(5, np.int64),
    )

    with pytest.raises(TrainingError, match="add real pictures or videos"):
        fit_all(fakes)
