"""Chooses the faces that an evaluation shows: those judged most surely, and those judged most wrongly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.judging import JudgedFile
from training.robustness import CLEAN
from worker.pipeline.calibration import Calibration
from worker.pipeline.classifier import Classifier
from worker.pipeline.results import Pixels

Group = Literal["real, surely", "fake, surely", "real, taken for fake", "fake, taken for real"]
MOST_OF_A_SOURCE = 2
"""Faces of one source in a row, while there are others: one odd source would fill it."""


@dataclass(frozen=True)
class ShownFace:
    """A face with what the network saw in it.

    Args:
        group: why it is shown.
        file: where it is from.
        score: of this face, calibrated, 0..1.
        crop: as the network saw it.
        heat_map: (height, width), logits; None where the network gives none.
    """

    group: Group
    file: JudgedFile
    score: float
    crop: Pixels
    heat_map: NDArray[np.float32] | None


def choose_faces(files: Sequence[JudgedFile], classifier: Classifier, *, count: int) -> list[ShownFace]:
    """At most `count` faces of each group, the extreme ones first; of each file the face that speaks most for fake."""
    calibration = classifier.manifest.calibration["face"]
    shown = []
    for group, places in rank_files(files, calibration, count=count).items():
        for place in places:
            file = files[place]
            crop = file.worst_crop
            judgement = classifier.judge(crop[None])
            heat_map = None if judgement.heat_maps is None else judgement.heat_maps[0]
            shown.append(ShownFace(group, file, calibration.apply(float(judgement.logits[0])), crop, heat_map))
    return shown


def rank_files(files: Sequence[JudgedFile], calibration: Calibration, *, count: int) -> dict[Group, list[int]]:
    """The places of the files of each group: on the right side of one half and farthest from it, or on the wrong."""
    scores = np.array([calibration.apply(float(file.logits[CLEAN][file.worst])) for file in files], np.float64)
    fakes = np.array([file.item.is_fake for file in files], bool)
    falling, rising = np.argsort(-scores, kind="stable"), np.argsort(scores, kind="stable")
    chosen: dict[Group, list[int]] = {
        "fake, surely": [place for place in falling.tolist() if fakes[place] and scores[place] >= 0.5],
        "real, surely": [place for place in rising.tolist() if not fakes[place] and scores[place] < 0.5],
        "real, taken for fake": [place for place in falling.tolist() if not fakes[place] and scores[place] >= 0.5],
        "fake, taken for real": [place for place in rising.tolist() if fakes[place] and scores[place] < 0.5],
    }
    return {group: _varied(files, places, count) for group, places in chosen.items()}


def _varied(files: Sequence[JudgedFile], places: Sequence[int], count: int) -> list[int]:
    """The first places with few of any one source, filled up with the rest; in their order."""
    taken: Counter[str] = Counter()
    first: list[int] = []
    for place in places:
        taken[files[place].item.source] += 1
        if taken[files[place].item.source] <= MOST_OF_A_SOURCE:
            first.append(place)
    rest = [place for place in places if place not in set(first)]
    kept = {*first[:count], *rest[: max(0, count - len(first))]}
    return [place for place in places if place in kept]
