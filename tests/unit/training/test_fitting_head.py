"""The head that phase 2 starts from."""

import numpy as np
import pytest

from training.bank import Bank
from training.fitting_head import differences_of_views, fit_head, row_weights, spread_rows
from training.recipe import Recipe
from training.views import View

RECIPE = Recipe(clean_share=0.5, smoothing=0.0, head_ridge=1e-3, head_steadiness=0.0)


def _bank(count: int, *, channels: int = 3, unsteady: float = 0.0) -> Bank:
    """Faces of which each has a clean and a degraded view; channel 0 tells the class, channel 1 does until damaged."""
    rng = np.random.default_rng(0)
    views, rows = [], []
    for item in range(count):
        is_fake = item % 2 == 1
        base = rng.normal(0, 0.3, channels)
        base[:2] += 1.0 if is_fake else -1.0
        for kind in ("clean", "degraded"):
            views.append(View(item, 0, kind, 0, is_fake))  # type: ignore[arg-type]  # a table of kinds
            rows.append(base + (np.eye(channels)[1] * rng.normal(0, unsteady) if kind == "degraded" else 0))
    return Bank(tuple(views), np.array(rows, np.float32), 0)


def _sources(bank: Bank) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    return np.array([f"{'fake' if view.is_fake else 'real'}" for view in bank.views])


def test_the_head_finds_the_class() -> None:
    """Its kernel works on features as they come, without their mean and spread."""
    bank = _bank(40)
    rows = np.arange(80)

    kernel, bias = fit_head(bank, rows, _sources(bank), recipe=RECIPE)

    logits = bank.pooled @ kernel + bias
    assert ((logits > 0) == (bank.targets > 0.5)).all()
    assert abs(kernel[2]) < 0.5 * abs(kernel[0])


def test_steadiness_turns_away_from_what_damage_changes() -> None:
    """A channel that changes between two views of one face loses its weight to one that does not."""
    bank = _bank(60, unsteady=3.0)
    rows = np.arange(120)

    free, _ = fit_head(bank, rows, _sources(bank), recipe=RECIPE)
    steady, _ = fit_head(bank, rows, _sources(bank), recipe=Recipe(clean_share=0.5, head_ridge=1e-3, head_steadiness=1))

    assert abs(steady[1] / steady[0]) < 0.5 * abs(free[1] / free[0])


def test_differences_are_of_views_of_one_face() -> None:
    """Their mean outer product is that of the channel that damage changes, and nothing else."""
    bank = _bank(200, unsteady=2.0)

    changes = differences_of_views(bank, np.arange(400), bank.pooled)
    found = changes.T @ changes / len(changes)

    assert changes.shape == (200, 3)
    assert found[1, 1] == pytest.approx(4.0, rel=0.3)
    assert np.abs(np.delete(found.ravel(), 4)).max() < 1e-6


def test_both_classes_count_alike() -> None:
    """However many rows a class has, its weights sum to a half, and each kind has its share."""
    bank = _bank(30)
    rows = np.flatnonzero((bank.targets < 0.5) | (bank.items < 6))

    weights = row_weights(bank, rows, _sources(bank), Recipe(clean_share=0.2))

    assert weights[bank.targets[rows] > 0.5].sum() == pytest.approx(0.5)
    assert weights[bank.kinds[rows] == "clean"].sum() == pytest.approx(0.2)


def test_too_many_rows_are_spread_over_the_sources() -> None:
    """The large source is thinned, the small one stays, and a face keeps all its views."""
    bank = _bank(100)
    sources = np.where(bank.items < 96, "large", "small")

    kept = spread_rows(bank, np.arange(200), sources, most=64)

    assert (sources[kept] == "small").sum() == 8
    assert 24 <= (sources[kept] == "large").sum() <= 40
    items, counts = np.unique(bank.items[kept], return_counts=True)
    assert set(counts.tolist()) == {2}
    assert len(items) == len(kept) // 2
    assert spread_rows(bank, np.arange(200), sources).tolist() == list(range(200))


def test_kinds_of_features_have_heads_of_their_own() -> None:
    """Their logits are added in the shares asked for, and neither head knows of the other."""
    bank = _bank(40, channels=6)
    rows = np.arange(80)
    halves = [Bank(bank.views, np.ascontiguousarray(half), 0) for half in np.split(bank.pooled, 2, axis=1)]

    kernel, bias = fit_head(bank, rows, _sources(bank), recipe=RECIPE, shares=(1.0, 0.5))
    alone = [fit_head(half, rows, _sources(half), recipe=RECIPE) for half in halves]

    logits = [half.pooled @ k + b for half, (k, b) in zip(halves, alone, strict=True)]
    assert bank.pooled @ kernel + bias == pytest.approx(logits[0] + 0.5 * logits[1], abs=1e-4)
