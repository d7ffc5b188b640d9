"""Measures scores against labels: ranking, decisions, calibration, and how sure all of that is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

Vector = NDArray[np.float64]
Statistic = Callable[[Vector, Vector], float]


def roc_auc(targets: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve; nan where a class is missing."""
    truth = np.asarray(targets)
    return float(roc_auc_score(truth, np.asarray(scores))) if len(np.unique(truth)) == 2 else float("nan")


def equal_error_rate(targets: ArrayLike, scores: ArrayLike) -> float:
    """The rate at which as many real are called fake as fake are called real."""
    false_rate, true_rate, _ = roc_curve(np.asarray(targets), np.asarray(scores))
    place = int(np.argmin(np.abs(false_rate - (1 - true_rate))))
    return float((false_rate[place] + 1 - true_rate[place]) / 2)


def tpr_at_fpr(targets: ArrayLike, scores: ArrayLike, *, fpr: float) -> float:
    """The share of fakes found by the lowest threshold that calls at most `fpr` of the real ones fake."""
    truth, values = np.asarray(targets) > 0.5, np.asarray(scores, np.float64)
    threshold = threshold_for_fpr(values[~truth], fpr=fpr)
    return float((values[truth] >= threshold).mean())


def threshold_for_fpr(real_scores: ArrayLike, *, fpr: float) -> float:
    """The lowest threshold T at which at most `fpr` of the real scores are T or more."""
    values = np.sort(np.asarray(real_scores, np.float64))[::-1]
    allowed = int(np.floor(fpr * len(values) + 1e-9))
    if allowed >= len(values):
        return float(values[-1])
    return float(np.nextafter(values[allowed], np.inf))


def calibration_error(targets: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Guo et al., ICML 2017)."""
    truth, values = np.asarray(targets, np.float64), np.asarray(probabilities, np.float64)
    places = np.minimum((values * bins).astype(int), bins - 1)
    gaps = [
        abs(truth[places == place].mean() - values[places == place].mean()) * (places == place).mean()
        for place in range(bins)
        if (places == place).any()
    ]
    return float(sum(gaps))


def balanced_accuracy(targets: ArrayLike, probabilities: ArrayLike, *, threshold: float = 0.5) -> float:
    """The mean of the shares of real and of fake that are called right."""
    truth, called = np.asarray(targets) > 0.5, np.asarray(probabilities) >= threshold
    return float((called[truth].mean() + (~called[~truth]).mean()) / 2)


def measure(targets: ArrayLike, probabilities: ArrayLike) -> dict[str, float | int]:
    """Every figure of one set of calibrated scores; both classes must be there."""
    truth = np.asarray(targets, np.float64)
    values = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1 - 1e-6)
    called = values >= 0.5
    hits = float((called & (truth > 0.5)).sum())
    precision = hits / max(1.0, float(called.sum()))
    recall = hits / max(1.0, float((truth > 0.5).sum()))
    return {
        "real": int((truth < 0.5).sum()),
        "fake": int((truth > 0.5).sum()),
        "auc": roc_auc(truth, values),
        "eer": equal_error_rate(truth, values),
        "average_precision": float(average_precision_score(truth, values)),
        "balanced_accuracy": balanced_accuracy(truth, values),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "tpr_at_5_fpr": tpr_at_fpr(truth, values, fpr=0.05),
        "log_loss": float(-(truth * np.log(values) + (1 - truth) * np.log(1 - values)).mean()),
        "brier": float(((values - truth) ** 2).mean()),
        "calibration_error": calibration_error(truth, values),
    }


def interval(
    statistic: Statistic,
    targets: ArrayLike,
    scores: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    rounds: int = 500,
    seed: int = 0,
) -> tuple[float, float]:
    """The middle 95 % of a statistic over bootstrap rounds that draw whole clusters, class by class.

    Args:
        statistic: of (targets, scores).
        targets: 1 for fake, 0 for real.
        scores: one per target.
        clusters: what is drawn together, such as the clip or the footage; each example alone when None.
        rounds: bootstrap rounds.
        seed: of the draws.
    """
    truth, values = np.asarray(targets, np.float64), np.asarray(scores, np.float64)
    names = np.arange(len(truth)) if clusters is None else np.asarray(clusters)
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    found: list[float] = []
    for _ in range(rounds):
        drawn = np.concatenate([members[n] for n in rng.integers(0, len(members), len(members))])
        if len(np.unique(truth[drawn])) == 2:
            found.append(statistic(truth[drawn], values[drawn]))
    if not found:
        return float("nan"), float("nan")
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def rounded(value: Any, digits: int = 4) -> Any:
    """The same structure with every float rounded, for files that people read."""
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, digits)
    if isinstance(value, dict):
        return {name: rounded(part, digits) for name, part in value.items()}
    return [rounded(part, digits) for part in value] if isinstance(value, list | tuple) else value
