"""Looks at a face: which there are, that they repeat, and that both classes meet the same."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.training.faces import FACE, POINTS, draw_face
from training.augmentation import NO_DEGRADATION
from training.dataset import Item
from training.donors import Donors
from training.errors import TrainingError
from training.face_set import FaceSet, HeldFaces
from training.views import Drawing, Kind, View, ViewPlan, draw, draw_view, list_views
from worker.pipeline.preprocessing import crop_face

KINDS: tuple[Kind, ...] = ("clean", "degraded", "blended", "blended_clean", "crossed", "crossed_clean")
REAL = Item(Path("a.png"), "image", "real", "camera")
FAKE = Item(Path("b.png"), "image", "fake", "gan")


def _faces(seed: int, *, frames: tuple[int, ...] = (0,)) -> FaceSet:
    picture = draw_face(seed, is_fake=False)
    count = len(frames)
    # A box of 128 px, enlarged from the drawn one of 48: every crop has detail to lose.
    large = cv2.GaussianBlur(cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), (0, 0), 1.5)
    large = np.asarray(large, np.uint8)
    box = FACE.scaled(3)
    crops = np.stack([crop_face(large, box, size_px=224)] * count)
    wide = np.stack([crop_face(large, box, size_px=276, margin=1.6)] * count)
    return FaceSet(
        sha256=f"{seed:064x}",
        pixels=HeldFaces(crops, wide),
        frames=np.array(frames),
        detections=np.full(count, 0.9),
        boxes=np.array([[box.x, box.y, box.w, box.h]] * count),
        landmarks=np.array([POINTS] * count) * 3,
        times_s=np.arange(max(frames) + 1, dtype=np.float64),
        prints=np.zeros((1, 4, 32), np.uint8),
    )


def _drawing() -> Drawing:
    material = [(REAL, _faces(seed)) for seed in range(4)]
    return Drawing(donors=Donors(material, range(4)))


def test_views_are_listed_for_the_largest_face_of_every_frame() -> None:
    """A clean one, the asked number of degraded ones, and pseudo-fakes of real faces alone, which count as fake."""
    material = [(REAL, _faces(0, frames=(0, 1))), (FAKE, _faces(1))]

    views = list_views(material, ViewPlan(degraded=2, blended=1, crossed=1))

    assert [view.kind for view in views if view.item == 0 and view.face == 1] == [
        "clean",
        "degraded",
        "degraded",
        "blended",
        "crossed",
    ]
    assert [view.kind for view in views if view.item == 1] == ["clean", "degraded", "degraded"]
    assert all(view.is_fake == (view.item == 1 or view.kind in ("blended", "crossed")) for view in views)


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_repeats_and_its_number_changes_it(kind: Kind) -> None:
    """The same seed, content and number draw the same pixels; another number others, but for the clean view."""
    drawing = _drawing()
    faces = _faces(2)

    first, again, other = (
        draw_view(faces, View(0, 0, kind, number, is_fake=True), seed=5, drawing=drawing) for number in (1, 1, 2)
    )

    assert first.shape == (224, 224, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (kind == "clean")


def test_the_clean_view_is_the_scanned_crop() -> None:
    """What a scan gives the network, and a copy of it: who writes to it does not write to the cache."""
    faces = _faces(1)

    drawn = draw(faces, 0, "clean", np.random.default_rng(0))

    assert np.array_equal(drawn, faces.crops[0])
    assert not np.shares_memory(drawn, faces.crops)


def test_a_clean_pseudo_fake_is_framed_as_a_scan_frames_it() -> None:
    """Beyond the blend it is the scanned crop: framing and resampling tell nothing."""
    faces = _faces(1)
    gaps = []
    for seed in range(12):
        drawn = draw(faces, 0, "blended_clean", np.random.default_rng(seed))
        gaps.append(np.abs(drawn.astype(int) - faces.crops[0]).mean(axis=2))

    # Every other time the surroundings are what was changed.
    assert np.median([gap[:16].mean() for gap in gaps]) < 12
    assert min(gap[:16].mean() for gap in gaps) < 2.5


def test_without_degradation_a_degraded_view_is_framed_alone() -> None:
    """With every step off, and framing too, what is left is a shifted crop."""
    faces = _faces(3)
    drawing = Drawing(degradation=NO_DEGRADATION)

    drawn = draw(faces, 0, "degraded", np.random.default_rng(0), drawing)

    found = cv2.matchTemplate(faces.wide[0], np.ascontiguousarray(drawn[20:-20, 20:-20]), cv2.TM_CCOEFF_NORMED)
    assert found.max() > 0.97


def test_real_faces_and_pseudo_fakes_are_degraded_alike() -> None:
    """One code path and one set of odds serve every kind that is not clean."""
    faces = _faces(1)
    always, never = Drawing(degraded_share=1.0), Drawing(degraded_share=0.0)
    shares = {}
    for kind in ("degraded", "blended"):
        plain = [draw(faces, 0, kind, np.random.default_rng(n), never) for n in range(40)]
        damaged = [draw(faces, 0, kind, np.random.default_rng(n), always) for n in range(40)]
        mixed = [draw(faces, 0, kind, np.random.default_rng(n)) for n in range(40)]
        touched = [not np.array_equal(one, other) for one, other in zip(plain, damaged, strict=True)]
        shares[kind] = np.mean([not np.array_equal(one, other) for one, other in zip(plain, mixed, strict=True)])
        assert np.mean(touched) > 0.85

    assert abs(shares["degraded"] - shares["blended"]) < 0.2


def test_cross_blends_need_donors() -> None:
    """Without any the message says what is missing."""
    with pytest.raises(TrainingError, match="without donors"):
        draw(_faces(1), 0, "crossed", np.random.default_rng(0))


def test_a_donor_is_somebody_else_and_real() -> None:
    """Fakes, what is held out, and the face itself are never taken."""
    material = [(REAL, _faces(0)), (FAKE, _faces(1)), (REAL, _faces(2)), (REAL, _faces(3))]
    donors = Donors(material, [0, 1, 2])

    picked = {donors.pick(material[0][1], 0, np.random.default_rng(seed))[0].sha256 for seed in range(20)}  # type: ignore[index]  # there is one

    assert len(donors) == 2
    assert picked == {material[2][1].sha256}
    assert Donors(material, [0]).pick(material[0][1], 0, np.random.default_rng(0)) is None
    assert Donors(material, []).pick(material[0][1], 0, np.random.default_rng(0)) is None


def test_a_donor_is_near_in_pose() -> None:
    """Of two others the one whose points lie alike is taken."""
    faces = [_faces(seed) for seed in range(3)]
    faces[1].landmarks[0, 2] += (12, 0)
    donors = Donors([(REAL, one) for one in faces], [1, 2])

    picked = donors.pick(faces[0], 0, np.random.default_rng(0))

    assert picked is not None
    assert picked[0].sha256 == faces[2].sha256


def test_shares_are_shares() -> None:
    """A share above 1 is refused."""
    with pytest.raises(TrainingError, match="degraded_share"):
        Drawing(degraded_share=1.5)
