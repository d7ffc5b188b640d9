"""How labelled files are read, and what scores they get."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.judged import judged_file
from training.crops import FaceCutter, Skipped
from training.dataset import Item
from training.face_set import FaceSet
from training.judging import cut_each, main_scores, score_files
from worker.pipeline.calibration import Calibration
from worker.pipeline.errors import Reason, TransientError, UnreadableVideoError

SAME = dict.fromkeys(("face", "image", "mean", "top-k", "confident", "max-track"), Calibration(1.0, 0.0))
ITEM = Item(Path("a.png"), "image", "real", "drawn")


class _Cutter(FaceCutter):
    """Fails so many times before it cuts."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)

    def cut(self, item: Item) -> FaceSet:
        if self._errors:
            raise self._errors.pop(0)
        return judged_file(str(item.path), item.label, 0.0).faces


def test_what_only_the_machine_could_not_do_is_tried_again() -> None:
    """Two hiccups change no figure; a third is told as the reason."""
    hiccup = TransientError(Reason.INTERNAL_ERROR, "too many open files")
    skipped: list[Skipped] = []

    assert [place for place, _ in cut_each([ITEM], _Cutter(hiccup, hiccup), skipped)] == [0]
    assert not skipped
    assert not list(cut_each([ITEM], _Cutter(hiccup, hiccup, hiccup), skipped))
    assert "too many open files" in skipped[0].why


def test_a_bad_file_is_not_tried_again() -> None:
    """It will be as bad the next time."""
    skipped: list[Skipped] = []

    assert not list(cut_each([ITEM], _Cutter(UnreadableVideoError(Reason.EMPTY, "it has 0 bytes")), skipped))
    assert "0 bytes" in skipped[0].why


def test_pictures_and_videos_are_scored_apart() -> None:
    """A picture by the calibration of pictures, a video by that of its aggregation."""
    files = [judged_file("a.png", "real", 0.0), judged_file("b.mp4", "fake", 2.0, kind="video")]
    shifted = {**SAME, "image": Calibration(1.0, -1.0), "mean": Calibration(2.0, 0.0)}

    found = score_files(files, shifted)

    assert found["image"].scores == pytest.approx([1 / (1 + np.exp(1))])
    assert found["frame"].scores == pytest.approx([1 / (1 + np.exp(-2))])
    assert found["video"]["mean"].scores == pytest.approx([1 / (1 + np.exp(-4))])
    assert found["video"]["top-k"].scores == pytest.approx([1 / (1 + np.exp(-2))])
    assert main_scores(found)["video"] is found["video"]["mean"]


def test_what_is_not_there_is_not_scored() -> None:
    """Pictures alone give neither frames nor videos."""
    assert set(score_files([judged_file("a.png", "real", 0.0)], SAME)) == {"image"}
