"""The faces that a report shows are the highest, with one of each person, small and few."""

import cv2
import numpy as np
import pytest

from worker.evidence import MOST_FACES
from worker.pipeline.kept_faces import FACE_BYTES, FRAME_BYTES, HEAT_PX, MOST_LOOKS, Candidate, Shortlist, shrink_frame
from worker.pipeline.results import Box, FaceResult, FrameResult, KeptFace, Pixels
from worker.pipeline.tracking import Look

PLAIN = np.full((224, 224, 3), 120, np.uint8)


def _look(number: int) -> Look:
    look = np.zeros(192, np.float32)
    look[number] = 1.0
    return look


def _keep(
    logits: list[tuple[int, float]], *, most: int = MOST_FACES, crop: Pixels = PLAIN, small: Pixels = PLAIN
) -> tuple[KeptFace, ...]:
    """What is kept of frames with one face each, given as person and logit."""
    shortlist = Shortlist(most)
    frames = []
    for number, (person, logit) in enumerate(logits):
        heat_map = np.full((7, 7), logit, np.float32)
        shortlist.offer(Candidate(number, 0, logit, _look(person), crop, heat_map, small, (1280, 720)))
        face = FaceResult(Box(1, 2, 64, 80), 0.9, logit, 1 / (1 + float(np.exp(-logit))), person)
        frames.append(FrameResult(float(number), face.score, (face,)))
    return shortlist.choose(frames, heat_span=5.0)


def test_the_highest_faces_are_kept_highest_first() -> None:
    """Of one person's many faces the highest stay, with their moment, box and score."""
    kept = _keep([(0, float(logit)) for logit in (1, -3, 4, 2, 0, 5, -1, 3)])

    assert [face.t_s for face in kept] == [5.0, 2.0, 7.0, 3.0, 0.0, 4.0]
    assert (kept[0].box, kept[0].track, kept[0].width_px, kept[0].height_px) == (Box(1, 2, 64, 80), 0, 1280, 720)
    assert kept[0].score == pytest.approx(0.993, abs=0.001)


def test_each_person_has_a_face() -> None:
    """A person whose every face is low is shown all the same, in place of another's sixth."""
    kept = _keep([(0, 9.0 - number) for number in range(8)] + [(1, -4.0), (1, -3.0)])

    assert [face.track for face in kept] == [0, 0, 0, 0, 0, 1]
    assert kept[-1].t_s == 9.0


def test_a_crowd_is_shown_by_its_highest() -> None:
    """Of more persons than there is room for, those with the highest faces are kept, and never more than the bound."""
    kept = _keep([(number, float(number)) for number in range(3 * MOST_LOOKS)])

    assert [face.track for face in kept] == [35, 34, 33, 32, 31, 30]


def test_nothing_is_kept_unasked() -> None:
    """Training and measuring judge videos too, and want no pictures."""
    assert _keep([(0, 1.0)], most=0) == ()


def test_pictures_are_small_whatever_they_show() -> None:
    """Noise, which no JPEG likes, stays within the bound; the heat layer has the scale's fullest colour."""
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
    kept = _keep([(0, 5.0)], crop=noise[:224, :224], small=shrink_frame(noise))[0]

    frame = cv2.imdecode(np.frombuffer(kept.frame_jpeg, np.uint8), cv2.IMREAD_COLOR)
    heat = cv2.imdecode(np.frombuffer(kept.heat_png or b"", np.uint8), cv2.IMREAD_UNCHANGED)

    assert len(kept.face_jpeg) <= FACE_BYTES
    assert len(kept.frame_jpeg) <= FRAME_BYTES
    assert frame is not None
    assert frame.shape[1] / frame.shape[0] == pytest.approx(16 / 9, rel=0.02)
    assert heat is not None
    assert heat.shape == (HEAT_PX, HEAT_PX, 4)
    assert heat[14, 14].tolist() == [0, 60, 205, 191]
