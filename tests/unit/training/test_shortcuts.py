"""Swapped conditions unmask a classifier that lives on them, and leave one alone that looks at faces."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.augmentation import encode_jpeg
from training.dataset import Item
from training.errors import TrainingError
from training.face_set import FaceSet, HeldFaces
from training.metrics import roc_auc
from training.shortcuts import (
    PARTS,
    Conditions,
    border_shares,
    conditions_of,
    put_under,
    swap_conditions,
)
from worker.pipeline.results import Pixels


def _face(seed: int, *, is_fake: bool) -> Pixels:
    """Fine grey texture on one colour; a fake one is brighter in the middle, a real one darker."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.integers(30, 220, (60, 60), np.uint8), (224, 224), interpolation=cv2.INTER_CUBIC)
    picture = (
        np.asarray(picture, np.uint8)[:, :, None] // 2
        + np.array([[[20, 5, 0]]], np.uint8)
        + rng.integers(0, 60, (224, 224, 1), np.uint8)
        + 30
    )
    # Without an edge, so that it adds no detail.
    bump = np.zeros((224, 224, 1), np.float32)
    bump[110, 110] = 1
    bump = cv2.GaussianBlur(bump, (0, 0), 20)[:, :, None]
    return np.clip(picture + bump / bump.max() * (60 if is_fake else -60), 0, 255).astype(np.uint8)


def _set_of(crop: Pixels, seed: int, *, side_px: float) -> FaceSet:
    return FaceSet(
        sha256=f"{seed + 1:064x}",
        pixels=HeldFaces(crop[None], crop[None]),
        frames=np.zeros(1, np.int64),
        detections=np.ones(1),
        boxes=np.array([[0, 0, side_px / 1.3, side_px / 1.3]]),
        landmarks=np.zeros((1, 5, 2)),
        times_s=np.zeros(1),
        prints=np.zeros((1, 4, 32), np.uint8),
    )


def _material(tmp_path: Path, *, real_quality: int = 95, real_side_px: int = 224) -> list[tuple[Item, FaceSet]]:
    """Eight real faces, as they are or saved badly or small, and eight fakes saved well."""
    material = []
    for n in range(16):
        is_fake = n % 2 == 1
        quality, side_px = (95, 224) if is_fake else (real_quality, real_side_px)
        picture = _face(n, is_fake=is_fake)
        small = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)
        path = tmp_path / f"{n}.jpg"
        cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        crop = np.asarray(cv2.resize(encode_jpeg(np.asarray(small, np.uint8), quality), (224, 224)), np.uint8)
        item = Item(path, "image", "fake" if is_fake else "real", f"set{n % 4}")
        material.append((item, _set_of(crop, n, side_px=side_px)))
    return material


def _measure(material: list[tuple[Item, FaceSet]], judge: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """The AUC over the files, as they are and after each swap."""
    truth = np.array([item.is_fake for item, _ in material], np.float64)
    found = {"clean": roc_auc(truth, np.array([judge(faces.crops)[0] for _, faces in material]))}
    for part in PARTS:
        swapped = dict(swap_conditions(material, part=part))
        found[part] = roc_auc(truth, np.array([judge(swapped[place])[0] for place in range(len(material))]))
    return found


def _sees_detail(crops: np.ndarray) -> np.ndarray:
    """Lives on conditions: how much fine detail there is."""
    return np.array([cv2.Laplacian(np.asarray(crop, np.uint8), cv2.CV_64F).std() for crop in crops])


def _sees_faces(crops: np.ndarray) -> np.ndarray:
    """Lives on what is shown: how bright the patch is."""
    return crops[:, 100:120, 100:120].mean(axis=(1, 2, 3)) * 1.0


@pytest.mark.parametrize(("options", "part"), [({"real_quality": 20}, "codec"), ({"real_side_px": 70}, "resolution")])
def test_a_classifier_that_lives_on_conditions_is_unmasked(tmp_path: Path, options: dict[str, int], part: str) -> None:
    """Perfect on the files as they are; without the difference between the classes it is lost."""
    found = _measure(_material(tmp_path, **options), _sees_detail)

    assert found["clean"] == 1.0
    assert found[part] < 0.75
    assert found["all"] < 0.75


@pytest.mark.parametrize("options", [{"real_quality": 20}, {"real_side_px": 70}])
def test_a_classifier_that_looks_at_faces_stays(tmp_path: Path, options: dict[str, int]) -> None:
    """Whatever is swapped, what is shown can still be seen."""
    found = _measure(_material(tmp_path, **options), _sees_faces)

    assert found == dict.fromkeys(("clean", *PARTS), 1.0)


def test_parts_are_swapped_one_by_one(tmp_path: Path) -> None:
    """Where the classes differ in size alone, swapping colour or borders changes no pixel."""
    material = _material(tmp_path, real_side_px=70)

    for part in ("grey", "borders"):
        for place, crops in swap_conditions(material, part=part):
            assert np.array_equal(crops, material[place][1].crops), part
    changed = {
        place
        for place, crops in swap_conditions(material, part="resolution")
        if not np.array_equal(crops, material[place][1].crops)
    }
    assert changed == set(range(1, 16, 2))


def test_a_swap_repeats(tmp_path: Path) -> None:
    """One seed swaps alike, another one otherwise."""
    material = _material(tmp_path, real_quality=20)
    for n, (item, _) in enumerate(material):
        cv2.imwrite(str(item.path), np.zeros((9, 9, 3), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 20 + 4 * n])

    once, again, other = ([crops for _, crops in swap_conditions(material, seed=seed)] for seed in (0, 0, 1))

    assert all(np.array_equal(one, two) for one, two in zip(once, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(once, other, strict=True))


def test_conditions_are_read_from_file_box_and_crop(tmp_path: Path) -> None:
    """Quality by the tables, size by the box, edges and colour by the crop."""
    crop = cv2.cvtColor(cv2.cvtColor(_face(0, is_fake=False), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    crop[:, :28] = crop[:, 28:29]
    cv2.imwrite(str(tmp_path / "a.jpg"), crop, [cv2.IMWRITE_JPEG_QUALITY, 62])

    found = conditions_of(
        Item(tmp_path / "a.jpg", "image", "real", "set"), _set_of(np.asarray(crop, np.uint8), 0, side_px=130.0), 0
    )

    assert found.jpeg == 62
    assert found.crf is None
    assert found.side_px == pytest.approx(130)
    assert found.is_grey
    assert found.borders == (0.125, 0.0, 0.0, 0.0)


def test_a_file_that_is_gone_says_nothing_of_its_codec(tmp_path: Path) -> None:
    """Its faces are in the cache; the rest of its conditions stays known."""
    for kind in ("image", "video"):
        item = Item(tmp_path / "gone", kind, "real", "set")  # type: ignore[arg-type]  # both kinds
        found = conditions_of(item, _set_of(_face(0, is_fake=False), 0, side_px=99.0), 0)

        assert (found.jpeg, found.crf) == (None, None)
        assert found.side_px == pytest.approx(99)


def test_edges_are_known_again_after_they_were_put_on() -> None:
    """What is read off one crop and put onto another is read off that one too."""
    bordered = put_under(_face(0, is_fake=False), Conditions(224, borders=(0.1, 0.0, 0.25, 0.05)))

    assert border_shares(bordered) == pytest.approx((0.1, 0.0, 0.25, 0.05), abs=0.01)
    assert border_shares(np.full((64, 64, 3), 7, np.uint8)) == (0.5, 0.5, 0.5, 0.5)


def test_every_condition_changes_its_own() -> None:
    """Video and JPEG lose detail, size loses more, grey loses colour; nothing asked for changes nothing."""
    crop = _face(0, is_fake=False)

    assert np.array_equal(put_under(crop, Conditions(side_px=500)), crop)
    assert np.ptp(put_under(crop, Conditions(224, is_grey=True)), axis=2).max() == 0
    for conditions in (Conditions(60), Conditions(224, jpeg=20), Conditions(224, crf=38)):
        changed = put_under(crop, conditions)
        assert changed.shape == crop.shape
        assert _sees_detail(changed[None])[0] < 0.9 * _sees_detail(crop[None])[0]


def test_one_class_alone_has_nothing_to_swap(tmp_path: Path) -> None:
    """Nor is there a part of any name."""
    material = _material(tmp_path)

    with pytest.raises(TrainingError, match="got one class"):
        list(swap_conditions([pair for pair in material if pair[0].is_fake]))
    with pytest.raises(TrainingError, match="called 'smell': there are resolution, codec"):
        list(swap_conditions(material, part="smell"))
