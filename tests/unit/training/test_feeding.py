"""Batches of pixels."""

from dataclasses import replace

import numpy as np

from tests.unit.training.face_sets import SIZE_PX, make_material
from training.couples import CoupleDrawer
from training.feeding import DrawnFaces, mix_up, stream_pixels
from training.recipe import Recipe
from training.views import View

RECIPE = Recipe(rows_per_epoch=24, batch=8, blended_share=0.3, clean_share=0.3, video_share=None)
MATERIAL = make_material(("real", "a", 6), ("real", "b", 3), ("fake", "c", 6))


def _feed(recipe: Recipe = RECIPE, *, first_epoch: int = 0, threads: int = 2) -> DrawnFaces:
    drawer = CoupleDrawer(MATERIAL, np.arange(len(MATERIAL)), recipe=recipe)
    return DrawnFaces(MATERIAL, drawer, recipe=recipe, first_epoch=first_epoch, threads=threads)


def test_a_batch_is_pixels_and_targets() -> None:
    """Pixels come as bytes of the scanned size; real and fake in turn."""
    faces = _feed()

    pixels, targets = faces[0]

    assert len(faces) == 3
    assert (pixels.shape, pixels.dtype) == ((8, SIZE_PX, SIZE_PX, 3), np.uint8)
    assert targets[:, 0].tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
    faces.close()


def test_batches_depend_on_neither_threads_nor_their_order() -> None:
    """One thread or four, forward or backward, again or once: a batch holds what its number says."""
    one, four = _feed(threads=1), _feed(threads=4)

    forward = [one[n][0] for n in (0, 1, 2)]
    backward = [four[n][0] for n in (2, 1, 0, 0)]

    assert all(np.array_equal(forward[n], backward[2 - n]) for n in (0, 1, 2))
    assert np.array_equal(backward[3], forward[0])
    one.close()
    four.close()


def test_an_epoch_can_be_the_first() -> None:
    """A fit that goes on in its third epoch shows what an unbroken one shows there."""
    unbroken, resumed = _feed(), _feed(first_epoch=2)
    unbroken.on_epoch_end()
    unbroken.on_epoch_end()

    assert np.array_equal(unbroken[1][0], resumed[1][0])
    assert not np.array_equal(_feed()[1][0], resumed[1][0])
    unbroken.close()
    resumed.close()


def test_class_weights_weigh_the_loss() -> None:
    """Numbers for real and fake come as a third part of the batch."""
    faces = _feed(replace(RECIPE, class_weights=(1.0, 3.0)))

    _, targets, weights = faces[0]

    assert weights.tolist() == [3.0 if target else 1.0 for target in targets[:, 0]]
    faces.close()


def test_mixup_mixes_pixels_and_targets_alike() -> None:
    """Of black reals and white fakes, the mixed brightness is the mixed target."""
    pixels = np.zeros((6, 2, 2, 3), np.uint8)
    pixels[1::2] = 200
    targets = np.array([[0], [1]] * 3, np.float32)

    mixed, soft = mix_up(pixels, targets, np.random.default_rng(0), alpha=0.4)

    assert np.allclose(mixed[:, 0, 0, 0] / 200, soft[:, 0], atol=1e-5)
    assert ((soft > 0) & (soft < 1)).any()


def test_mixup_is_part_of_the_feed() -> None:
    """A recipe with MixUp gives soft targets, the same each time."""
    recipe = replace(RECIPE, mixup=0.5)
    faces, again = _feed(recipe), _feed(recipe)

    pixels, targets = faces[0]

    assert not np.isin(targets, (0, 1)).all()
    assert np.array_equal(pixels, again[0][0])
    faces.close()
    again.close()


def test_views_stream_in_their_order() -> None:
    """Clean views come back as they lie there, batch by batch, the last one shorter."""
    views = [View(item, 0, "clean", 0, is_fake=False) for item in (4, 2, 9, 0, 7)]

    batches = list(stream_pixels(MATERIAL, views, seed=0, batch=2))

    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert np.concatenate(batches)[:, 0, 0, 0].tolist() == [4, 2, 9, 0, 7]
