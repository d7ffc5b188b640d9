"""Pseudo-fakes: a region of the face differs, the rest stays, and every option has its effect."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from training.blending import (
    DEFAULT_BLENDING,
    Blending,
    bend,
    change_look,
    cross_blend,
    draw_mask,
    match_colours,
    self_blend,
)
from training.errors import TrainingError
from worker.pipeline.results import Pixels

POINTS = np.array([(60.0, 70.0), (100.0, 70.0), (80.0, 92.0), (64.0, 112.0), (96.0, 112.0)])
STILL = Blending(shift=0, scale=0, turn_deg=0, strengths=(1.0,))
"""Neither moved nor half transparent."""


def _picture(seed: int = 0, side_px: int = 160) -> Pixels:
    coarse = np.random.default_rng(seed).integers(40, 210, (20, 20, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC), np.uint8)


def _gap(before: Pixels, after: Pixels) -> np.ndarray:
    return np.abs(np.asarray(after, np.int16) - before).max(axis=2)


def test_self_blending_changes_one_side_of_the_seam() -> None:
    """Either the face differs and the corners stay, or the corners differ and the face stays."""
    picture = _picture()
    inside = outside = 0
    for seed in range(40):
        gap = _gap(picture, self_blend(picture, POINTS, np.random.default_rng(seed), STILL))
        corner, nose = int(gap[:12, :12].max()), int(gap[98:112, 76:84].max())
        inside += nose > 6 >= corner
        outside += corner > 6

    assert inside > 5
    assert outside > 5
    assert inside + outside > 30


def test_self_blending_repeats_and_keeps_its_input() -> None:
    """One seed gives one pseudo-fake; the face that was given is not written to."""
    picture = _picture()
    once, again = (self_blend(picture, POINTS, np.random.default_rng(4)) for _ in range(2))

    assert np.array_equal(once, again)
    assert np.array_equal(picture, _picture())
    assert once.dtype == np.uint8
    assert once.shape == picture.shape


def test_an_unchanged_copy_leaves_no_seam() -> None:
    """Without colour, sharpness and movement the blend is the face itself: the seam is all there is to find."""
    picture = _picture()
    nothing = replace(STILL, colour=0, sharpness=0)

    for seed in range(10):
        assert _gap(picture, self_blend(picture, POINTS, np.random.default_rng(seed), nothing)).max() <= 1


def test_the_mask_lies_on_the_face() -> None:
    """Soft, 1 at its highest, 0 at the corners, centred within the face, of many sizes."""
    sizes = []
    for seed in range(60):
        mask = draw_mask(POINTS, 160, np.random.default_rng(seed))
        rows, columns = np.nonzero(mask > 0.5)

        assert mask.shape == (160, 160)
        assert mask.dtype == np.float32
        assert 0.9 < mask.max() <= 1.0
        assert max(mask[0, 0], mask[0, -1], mask[-1, 0], mask[-1, -1]) == 0.0
        assert abs(columns.mean() - 80) < 20
        assert 55 < rows.mean() < 130
        assert ((mask > 0.1) & (mask < 0.9)).any()
        sizes.append(mask.mean())
    assert min(sizes) < 0.05
    assert max(sizes) > 0.2


def test_only_the_named_regions_are_drawn() -> None:
    """With the mouth alone in the draw no mask reaches the eyes."""
    mouths = Blending(regions=(("mouth", 1.0),))

    for seed in range(20):
        mask = draw_mask(POINTS, 160, np.random.default_rng(seed), mouths)
        assert mask[70, 60] < 0.05
        assert mask[108, 80] > 0.3


def test_a_mask_bends_by_what_is_asked() -> None:
    """No strength, no bend; more strength, more of the edge moves."""
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 16:48] = 1
    moved = [float(np.abs(bend(mask, np.random.default_rng(1), strength_px=px) - mask).mean()) for px in (0, 1, 4)]

    assert moved[0] == 0
    assert moved[0] < moved[1] < moved[2]


def test_a_cross_blend_shows_the_other_face_in_the_middle() -> None:
    """The donor's pattern appears between eyes and mouth, the surroundings stay as they were."""
    picture, donor = _picture(1), _picture(2, side_px=240)
    whole = Blending(regions=(("face", 1.0),), strengths=(1.0,), colour=0, sharpness=0)

    blended = cross_blend(picture, POINTS, donor, POINTS * 1.5, np.random.default_rng(0), whole)

    laid = cv2.resize(donor, (160, 160), interpolation=cv2.INTER_AREA)
    middle = (slice(84, 104), slice(70, 90))
    alike = np.corrcoef(blended[middle].ravel(), np.asarray(laid)[middle].ravel())[0, 1]
    assert alike > 0.9
    assert _gap(picture, blended)[:12].max() == 0


def test_the_other_face_takes_on_the_colours() -> None:
    """Under the mask, mean colours become those of the face that is replaced."""
    dark, bright = np.asarray(_picture(1) // 2, np.uint8), np.asarray(_picture(2) // 2 + 120, np.uint8)
    mask = np.zeros((160, 160), np.float32)
    mask[40:120, 40:120] = 1

    matched = match_colours(bright, dark, mask)

    means = [picture[40:120, 40:120].mean(axis=(0, 1)) for picture in (matched, dark)]
    assert np.abs(means[0] - means[1]).max() < 8


def test_a_mask_of_nothing_matches_nothing() -> None:
    """An empty mask leaves the face as it is."""
    picture = _picture(1)

    assert np.array_equal(match_colours(picture, _picture(2), np.zeros((160, 160), np.float32)), picture)


def test_a_grey_face_stays_grey() -> None:
    """Neither recolouring nor somebody else's face brings colour into a picture that has none."""
    grey = np.repeat(_picture(1)[:, :, :1], 3, axis=2)
    for seed in range(10):
        rng = np.random.default_rng(seed)

        assert np.ptp(self_blend(grey, POINTS, rng), axis=2).max() == 0
        assert np.ptp(cross_blend(grey, POINTS, _picture(2), POINTS, rng), axis=2).max() == 0


def test_looks_can_be_switched_off_one_by_one() -> None:
    """Colour alone keeps the detail, sharpness alone keeps the mean."""
    picture = _picture()
    rng = np.random.default_rng(0)
    recoloured = [change_look(picture, rng, replace(DEFAULT_BLENDING, colour=1, sharpness=0)) for _ in range(10)]
    resharpened = [change_look(picture, rng, replace(DEFAULT_BLENDING, colour=0, sharpness=1)) for _ in range(10)]

    assert max(abs(float(look.mean()) - float(picture.mean())) for look in resharpened) < 1.5
    assert np.mean([abs(float(look.mean()) - float(picture.mean())) for look in recoloured]) > 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": (("face", 0.0),)}, "regions need weights"),
        ({"regions": (("face", 2.0), ("mouth", -1.0))}, "regions need weights"),
        ({"strengths": ()}, "strengths must be above 0"),
        ({"strengths": (1.5,)}, "strengths must be above 0"),
    ],
)
def test_a_blending_checks_itself(options: dict[str, object], message: str) -> None:
    """Weights and strengths out of range are refused."""
    with pytest.raises(TrainingError, match=message):
        Blending(**options)  # type: ignore[arg-type]  # what the command line might hand over
