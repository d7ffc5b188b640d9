"""Faces of one person are linked over sparse frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.results import Box
from worker.pipeline.tracking import Look, link_tracks, look_of

LEFT, RIGHT = Box(100, 100, 80, 100), Box(900, 120, 80, 100)


def _look(seed: int) -> Look:
    return look_of(np.random.default_rng(seed).integers(0, 256, (32, 32, 3)).astype(np.uint8))


ANNA, BERTA = _look(1), _look(2)


def test_a_face_that_stays_is_one_person() -> None:
    """A small move over a second changes nobody."""
    moved = Box(110, 95, 82, 102)

    assert link_tracks([(0.0, [LEFT]), (1.0, [moved]), (2.0, [LEFT])]) == [[0], [0], [0]]


def test_two_faces_of_a_frame_never_share_a_track() -> None:
    """However close and alike they are."""
    close = Box(120, 100, 80, 100)

    tracks = link_tracks([(0.0, [LEFT]), (1.0, [LEFT, close])], looks=[[ANNA], [ANNA, ANNA]])

    assert tracks == [[0], [0, 1]]


def test_persons_are_told_apart_by_place() -> None:
    """The order in which the detector names them does not matter."""
    assert link_tracks([(0.0, [LEFT, RIGHT]), (1.0, [RIGHT, LEFT])]) == [[0, 1], [1, 0]]


def test_a_cut_to_another_person_in_the_same_place_is_another_track() -> None:
    """Dialogues are filmed so."""
    assert link_tracks([(0.0, [LEFT]), (4.0, [LEFT])], looks=[[ANNA], [BERTA]]) == [[0], [1]]


def test_a_cut_back_goes_on_with_the_first_person() -> None:
    """What a person looked like is remembered over a cut."""
    frames = [(float(second), [LEFT]) for second in range(4)]

    assert link_tracks(frames, looks=[[ANNA], [BERTA], [ANNA], [BERTA]]) == [[0], [1], [0], [1]]


def test_a_person_who_crosses_the_room_is_known_by_looks() -> None:
    """Far away, but the same face."""
    assert link_tracks([(0.0, [LEFT]), (9.0, [RIGHT])], looks=[[ANNA], [ANNA]]) == [[0], [0]]


def test_a_place_says_less_the_longer_ago() -> None:
    """After minutes without looks, nobody can be told."""
    assert link_tracks([(0.0, [LEFT]), (300.0, [LEFT])]) == [[0], [1]]


def test_frames_without_a_face_interrupt_nothing() -> None:
    """A person who looks away for a frame is the same afterwards."""
    assert link_tracks([(0.0, []), (1.0, [LEFT]), (2.0, []), (3.0, [LEFT])]) == [[], [0], [], [0]]


def test_looks_must_fit_the_faces() -> None:
    """One look for each face, or none at all."""
    with pytest.raises(ValueError, match="one look for each face"):
        link_tracks([(0.0, [LEFT])], looks=[[]])


def test_a_plain_crop_has_a_look_without_nan() -> None:
    """A black crop is like nothing, and harms nothing."""
    assert link_tracks([(0.0, [LEFT])], looks=[[look_of(np.zeros((224, 224, 3), np.uint8))]]) == [[0]]


@given(st.lists(st.lists(st.tuples(st.floats(0, 1000), st.floats(20, 300)), max_size=5), max_size=8))
def test_numbers_are_dense_and_unique_within_a_frame(faces: list[list[tuple[float, float]]]) -> None:
    """Tracks count from 0 in order of appearance, and no frame has one twice."""
    frames = [(float(t), [Box(x, x / 2, side, side) for x, side in found]) for t, found in enumerate(faces)]

    tracks = link_tracks(frames)

    seen = [number for ids in tracks for number in ids]
    assert [len(ids) for ids in tracks] == [len(found) for found in faces]
    assert all(len(set(ids)) == len(ids) for ids in tracks)
    assert list(dict.fromkeys(seen)) == list(range(len(set(seen))))


@given(
    st.lists(st.lists(st.tuples(st.floats(0, 1000), st.floats(20, 300)), max_size=4), min_size=1, max_size=8),
    st.floats(0, 5000),
)
def test_when_a_video_begins_does_not_matter(faces: list[list[tuple[float, float]]], start_s: float) -> None:
    """The same faces are the same persons an hour later."""
    frames = [(float(t), [Box(x, x / 2, side, side) for x, side in found]) for t, found in enumerate(faces)]
    later = [(round(start_s) + t_s, boxes) for t_s, boxes in frames]

    assert link_tracks(later) == link_tracks(frames)
