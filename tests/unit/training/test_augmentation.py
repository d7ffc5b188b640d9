"""Degradations: bytes in, bytes of the same shape out, the same for the same seed, each step with a switch."""

from collections.abc import Callable
from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import augmentation
from training.augmentation import DEFAULT_DEGRADATION, NO_DEGRADATION, Degradation, Rng, degrade, encode_jpeg
from training.errors import TrainingError
from worker.pipeline.results import Pixels

STEPS = (
    augmentation.blur,
    augmentation.shift_colours,
    augmentation.to_grey,
    augmentation.add_noise,
    augmentation.lose_resolution,
    augmentation.sharpen,
    augmentation.recompress,
    augmentation.encode_video,
    augmentation.cut_out,
    augmentation.replicate_edges,
    degrade,
)
CHAIN = ("blur", "colour", "grey", "noise", "resolution", "sharpen", "jpeg", "jpeg_again", "h264", "cut_out", "edges")


def _picture(side_px: int = 64) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), np.uint8)


def _soft_picture() -> Pixels:
    coarse = np.random.default_rng(3).integers(20, 230, (12, 12, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_step_keeps_shape_and_depth_and_repeats(step: Callable[[Pixels, Rng], Pixels]) -> None:
    """Every step gives uint8 of the same shape, twice the same for one seed, and leaves its input alone."""
    picture = _picture()
    for seed in range(12):
        once, again = (step(picture, np.random.default_rng(seed)) for _ in range(2))

        assert once.shape == picture.shape
        assert once.dtype == np.uint8
        assert np.array_equal(once, again)
    assert np.array_equal(picture, _picture())


@pytest.mark.parametrize("name", CHAIN)
def test_each_step_of_the_chain_can_stand_alone(name: str) -> None:
    """With one step's odds at 1 and the others at 0, that step changes the picture; an ablation relies on it."""
    alone = Degradation(**{field.name: float(field.name == name) for field in fields(Degradation)})
    picture = _soft_picture()

    changed = [not np.array_equal(degrade(picture, np.random.default_rng(seed), alone), picture) for seed in range(10)]

    # Repeated edges may have no width.
    assert sum(changed) >= (6 if name == "edges" else 10)


@given(st.integers(0, 2**32))
def test_nothing_happens_with_every_step_switched_off(seed: int) -> None:
    """A chain without steps gives back the picture."""
    picture = _picture(32)

    assert np.array_equal(degrade(picture, np.random.default_rng(seed), NO_DEGRADATION), picture)


def test_steps_are_switched_off_by_name() -> None:
    """What an ablation names is off, the rest stays; an unknown name is refused with the known ones."""
    ablated = DEFAULT_DEGRADATION.without("h264", "jpeg")

    assert (ablated.h264, ablated.jpeg, ablated.blur) == (0.0, 0.0, DEFAULT_DEGRADATION.blur)
    with pytest.raises(TrainingError, match="no degradation called 'mpeg': there are blur, colour"):
        DEFAULT_DEGRADATION.without("mpeg")


def test_odds_are_odds() -> None:
    """Odds beyond 1 are refused."""
    with pytest.raises(TrainingError, match=r"odds of jpeg must be from 0 to 1, got 1\.2"):
        Degradation(jpeg=1.2)


@pytest.mark.parametrize("step", [augmentation.recompress, augmentation.encode_video], ids=["jpeg", "h264"])
def test_recompression_keeps_the_colour_order(step: Callable[[Pixels, Rng], Pixels]) -> None:
    """Red stays red through the codec."""
    red = np.zeros((64, 64, 3), np.uint8)
    red[:, :, 0] = 200

    for seed in range(5):
        assert step(red, np.random.default_rng(seed))[:, :, 0].mean() > 180


def test_lower_quality_costs_more() -> None:
    """JPEG 30 differs more from the picture than JPEG 95, on any grid."""
    picture = _soft_picture()
    for shift_px in (0, 3):
        low, high = (encode_jpeg(picture, quality, shift_px=shift_px) for quality in (30, 95))

        assert np.abs(low.astype(int) - picture).mean() > np.abs(high.astype(int) - picture).mean()


def test_the_chain_is_told_no_label() -> None:
    """Real faces and fakes go through one chain with one set of odds: the function cannot know which it has."""
    assert degrade.__code__.co_varnames[: degrade.__code__.co_argcount] == ("pixels", "rng", "degradation")
