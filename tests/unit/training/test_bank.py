"""Features that are kept between runs."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import training.bank
from tests.unit.training.face_sets import SIZE_PX, make_faces, make_item
from training.bank import fill_bank
from training.dataset import Item
from training.face_set import FaceSet
from training.views import ViewPlan

MATERIAL = [(make_item("fake" if n else "real", "s", number=n), make_faces(n * 50)) for n in range(3)]


def _network(scale: float = 1.0) -> keras.Model:
    """Its only feature is the mean of the pixels."""
    pixels = keras.Input((SIZE_PX, SIZE_PX, 3))
    grey = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(scale / 3))(pixels)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(grey))


def test_each_row_holds_its_views_features(tmp_path: Path) -> None:
    """Clean views first, each followed by its degraded ones; blended ones are not kept."""
    bank = fill_bank(MATERIAL, _network(), plan=ViewPlan(degraded=2, blended=1), directory=tmp_path)

    assert bank.kinds.tolist() == ["clean", "degraded", "degraded"] * 3
    assert bank.items.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert bank.targets.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert bank.is_first.tolist() == [True, True, False] * 3
    assert np.allclose(bank.pooled[bank.kinds == "clean", 0], [0, 50, 100], atol=0.01)


def _moved() -> list[tuple[Item, FaceSet]]:
    """The same contents with a face found a pixel further to the right."""
    item, faces = MATERIAL[0]
    return [(item, replace(faces, boxes=faces.boxes + np.array([1.0, 0, 0, 0]))), *MATERIAL[1:]]


@pytest.mark.parametrize(
    ("material", "network", "plan", "is_kept"),
    [
        (MATERIAL, 1.0, ViewPlan(degraded=1), True),
        (MATERIAL, 1.0, ViewPlan(degraded=1, blended=3), True),
        (MATERIAL, 2.0, ViewPlan(degraded=1), False),
        (MATERIAL, 1.0, ViewPlan(degraded=1, seed=1), False),
        (MATERIAL[:2], 1.0, ViewPlan(degraded=1), False),
        (_moved(), 1.0, ViewPlan(degraded=1), False),
    ],
)
def test_features_are_computed_anew_when_anything_that_shapes_them_changes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    material: list[tuple[Item, FaceSet]],
    network: float,
    plan: ViewPlan,
    is_kept: bool,
) -> None:
    """The same faces, views and weights are read back; other ones are not taken for them."""
    fill_bank(MATERIAL, _network(), plan=ViewPlan(degraded=1), directory=tmp_path)
    asked: list[int] = []
    stream = training.bank.stream_pixels
    monkeypatch.setattr(training.bank, "stream_pixels", lambda *a, **k: asked.append(1) or stream(*a, **k))

    fill_bank(material, _network(network), plan=plan, directory=tmp_path)

    assert (not asked) == is_kept
