"""Which faces an epoch shows."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.face_sets import make_faces, make_item, make_material
from training.couples import CoupleDrawer
from training.dataset import Item
from training.errors import TrainingError
from training.face_set import FaceSet
from training.recipe import Recipe
from training.views import View

RECIPE = Recipe(
    rows_per_epoch=2000, batch=20, blended_share=0.0, paired_share=0.0, clean_share=0.5, video_share=None, seed=3
)


def _draw(material: list[tuple[Item, FaceSet]], recipe: Recipe, *, epoch: int = 0) -> list[View]:
    return CoupleDrawer(material, np.arange(len(material)), recipe=recipe).draw(epoch)


def test_every_second_face_is_fake() -> None:
    """A couple is a real face and a fake one, however many of each there are."""
    material = make_material(("real", "a", 30), ("fake", "b", 2))

    views = _draw(material, RECIPE)

    assert len(views) == 2000
    assert [view.is_fake for view in views[:4]] == [False, True, False, True]
    assert all(view.is_fake == material[view.item][0].is_fake for view in views)


def test_sources_count_by_the_root_of_their_size() -> None:
    """A source of 16 faces is shown twice as often as one of 4."""
    material = make_material(("real", "large", 16), ("real", "small", 4), ("fake", "b", 3))

    views = _draw(material, RECIPE)

    shown = Counter(material[view.item][0].source for view in views if not view.is_fake)
    assert shown["large"] == pytest.approx(667, abs=50)


def test_the_same_seed_and_epoch_show_the_same() -> None:
    """An epoch is repeated by its number; another one, and another seed, show other faces."""
    material = make_material(("real", "a", 10), ("fake", "b", 10))

    first = _draw(material, RECIPE, epoch=4)

    assert _draw(material, RECIPE, epoch=4) == first
    assert _draw(material, RECIPE, epoch=5) != first
    assert _draw(material, replace(RECIPE, seed=4), epoch=4) != first


def test_a_couple_is_shown_in_one_way() -> None:
    """Both faces of a couple are clean, or neither is, in the share that was asked for."""
    material = make_material(("real", "a", 10), ("fake", "b", 10))

    views = _draw(material, replace(RECIPE, clean_share=0.25))

    kinds = [(real.kind, fake.kind) for real, fake in zip(views[::2], views[1::2], strict=True)]
    assert set(kinds) == {("clean", "clean"), ("degraded", "degraded")}
    assert kinds.count(("clean", "clean")) == pytest.approx(250, abs=45)


def test_blended_fakes_stand_beside_the_face_that_they_are_made_of() -> None:
    """The asked share of the fakes are blends of the couple's own real face."""
    material = make_material(("real", "a", 10), ("fake", "b", 10))

    views = _draw(material, replace(RECIPE, blended_share=0.4))

    couples = list(zip(views[::2], views[1::2], strict=True))
    blended = [(real, fake) for real, fake in couples if fake.kind.startswith("blended")]
    assert len(blended) == pytest.approx(400, abs=50)
    assert all((real.item, real.face) == (fake.item, fake.face) and fake.is_fake for real, fake in blended)
    assert {fake.kind for real, fake in blended if real.kind == "clean"} == {"blended_clean"}


def _clips() -> list[tuple[Item, FaceSet]]:
    """Two pairs of clips of one source, and fakes of a source without any real material."""
    named = [
        ("real", "clips", "footage:a"),
        ("real", "clips", "footage:b"),
        ("fake", "clips", "footage:b"),
        ("fake", "lonely", "footage:c"),
    ]
    return [
        (make_item(label, source, number=n, kind="video", identities=[identity]), make_faces(n, frames=3))  # type: ignore[arg-type]  # a table of labels
        for n, (label, source, identity) in enumerate(named)
    ]


def test_paired_fakes_stand_beside_the_same_frame_of_the_same_footage() -> None:
    """With pairs alone, a swapped face is shown with its original of the same moment."""
    views = _draw(_clips(), replace(RECIPE, paired_share=1.0))

    assert all(real.item == 1 and fake.item == 2 for real, fake in zip(views[::2], views[1::2], strict=True))
    assert all(real.face == fake.face for real, fake in zip(views[::2], views[1::2], strict=True))


def test_matched_sources_are_partners() -> None:
    """The fake half of one published set is paired with its real half, which has another name."""
    material = make_material(("real", "photos", 5), ("real", "others", 50), ("fake", "drawn", 5))
    drawer = CoupleDrawer(
        material, np.arange(60), recipe=replace(RECIPE, paired_share=1.0), matched=[("photos", "drawn")]
    )

    shown = Counter(material[view.item][0].source for view in drawer.draw(0))

    assert shown == {"photos": 1000, "drawn": 1000}


def test_as_found_shows_classes_as_often_as_they_are_there() -> None:
    """Without class weights a class of many faces is shown more often."""
    material = make_material(("real", "a", 16), ("fake", "b", 4))

    views = _draw(material, replace(RECIPE, class_weights="found"))

    assert sum(view.is_fake for view in views) == pytest.approx(667, abs=60)


def test_one_class_alone_is_refused() -> None:
    """There is nothing to tell apart."""
    with pytest.raises(TrainingError, match="real and fake faces"):
        _draw(make_material(("real", "a", 4)), RECIPE)


def test_some_blends_take_another_face() -> None:
    """The asked share of the blended fakes are cross-blends."""
    material = make_material(("real", "a", 10), ("fake", "b", 10))

    views = _draw(material, replace(RECIPE, blended_share=1.0, crossed_share=0.5))

    crossed = [view for view in views if view.kind.startswith("crossed")]
    assert len(crossed) == pytest.approx(500, abs=50)
    assert all(view.is_fake and not material[view.item][0].is_fake for view in crossed)
