"""Degradations and what they do to the figures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.dataset import Item
from training.measuring import Scored, cluster_items
from training.robustness import CONDITIONS, add_noise, blur, encode_jpeg, pick_evenly, robustness_table, shrink

SIDE = 64


def _crops(count: int = 2) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3)).astype(np.uint8)
    return np.stack([cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for crop in coarse])


def _detail(crop: np.ndarray) -> float:
    return float(np.abs(cv2.Laplacian(crop.astype(np.float32), cv2.CV_32F)).mean())


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_every_condition_changes_pixels_alone(condition: object) -> None:
    """Shape and type stay, the picture does not, none at all is no error, and twice is the same."""
    change = next(known.change for known in CONDITIONS if known is condition)
    crops = _crops()

    changed = change(crops)

    assert changed.shape == crops.shape
    assert changed.dtype == np.uint8
    assert (changed != crops).any()
    assert np.array_equal(changed, change(crops))
    assert np.array_equal(changed[1:], change(crops[1:]))
    assert change(crops[:0]).shape == (0, SIDE, SIDE, 3)


def test_strong_is_stronger_than_mild() -> None:
    """Of each way the second condition lies farther from the clean faces than the first."""
    crops = _crops().astype(np.int64)
    gaps: dict[str, list[float]] = {}
    for condition in CONDITIONS:
        changed = condition.change(crops.astype(np.uint8)).astype(np.int64)
        gaps.setdefault(condition.family, []).append(float(np.abs(changed - crops).mean()))

    assert set(gaps) == {"H.264", "JPEG", "size", "blur", "noise"}
    assert all(mild < strong for mild, strong in gaps.values())


def test_degradations_do_what_their_names_say() -> None:
    """Detail goes with size and blur, comes with noise, and JPEG gives back what cv2 gives."""
    crop = _crops(1)[0]
    expected = cv2.imdecode(cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)

    assert _detail(shrink(crop, 0.25)) < _detail(shrink(crop, 0.5)) < _detail(crop)
    assert _detail(blur(crop, 3.0)) < _detail(blur(crop, 1.5)) < _detail(crop)
    grain = add_noise(np.full((SIDE, SIDE, 3), 128, np.uint8), 8.0).astype(np.float64) - 128
    assert grain.std() == pytest.approx(8.0, rel=0.05)
    assert grain.mean() == pytest.approx(0.0, abs=0.3)
    assert np.array_equal(encode_jpeg(crop, 30), expected[:, :, ::-1])


def _scored(scores: list[float]) -> Scored:
    items = [
        Item(Path(f"{n}.png"), "image", "fake" if n >= len(scores) // 2 else "real", "drawn")
        for n in range(len(scores))
    ]
    places = np.arange(len(scores))
    return Scored(items, np.array(scores), cluster_items(items), places)


def test_the_table_tells_how_far_the_ranking_fell() -> None:
    """From 4 pairs of 4 to 3 of 4; and what one class alone does."""
    clean, degraded = _scored([0.1, 0.3, 0.6, 0.9]), _scored([0.2, 0.7, 0.4, 0.8])

    table = robustness_table({"clean": {"image": clean}, "jpeg 30": {"image": degraded}})

    found = table["jpeg 30"]["image"]
    assert "auc_change" not in table["clean"]["image"]
    assert (table["clean"]["image"]["auc"], found["auc"], found["auc_change"]) == (1.0, 0.75, -0.25)
    assert found["auc_change_interval"][0] <= -0.25 <= found["auc_change_interval"][1]
    # Real ones degraded score 0.2 and 0.7 against clean fakes of 0.6 and 0.9; then the other way round.
    assert found["auc_only_real"] == 0.75
    assert found["auc_only_fake"] == 1.0


def test_a_classifier_that_lives_on_compression_is_thrown_both_ways() -> None:
    """One that calls fake what was never compressed: compressed reals help it, compressed fakes undo it."""
    rng = np.random.default_rng(0)
    clean = _scored([*rng.uniform(0.3, 0.7, 50), *rng.uniform(0.5, 0.9, 50)])
    compressed = _scored((clean.scores * 0.3).tolist())

    found = robustness_table({"clean": {"image": clean}, "jpeg 30": {"image": compressed}})["jpeg 30"]["image"]

    assert found["auc_change"] == pytest.approx(0.0)
    assert found["auc_only_real"] > 0.99
    assert found["auc_only_fake"] < 0.05


def test_files_are_picked_alike_from_every_source() -> None:
    """Small sources give all they have, large ones share what is left, spread over each."""
    names = ["a"] * 100 + ["b"] * 2 + ["c"] * 100

    picked = pick_evenly(names, most=10)

    assert [names[place] for place in picked] == ["a"] * 4 + ["b"] * 2 + ["c"] * 4
    assert picked == [0, 25, 50, 75, 100, 101, 102, 127, 152, 177]
    assert pick_evenly(names, most=1000) == list(range(202))
    assert pick_evenly([], most=10) == []
