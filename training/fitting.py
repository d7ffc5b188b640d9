"""Fits a classifier on the bank: a dense head on frozen features first, then the top blocks at a lower rate."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.architecture import build_top
from training.bank import Bank
from training.errors import TrainingError
from training.metrics import roc_auc

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """Everything that shapes a fit, besides the views.

    Args:
        head_epochs: passes of phase 1 over all rows; cheap, as the features are frozen.
        epochs: of phase 2; 0 keeps the frozen features.
        rows_per_epoch: rows drawn (class by class, source by source) in an epoch of phase 2.
        batch: rows per step.
        rate: peak learning rate of phase 2 (AdamW, warm-up, cosine).
        weight_decay: of AdamW.
        dropout: share of feature channels dropped before the head.
        smoothing: label smoothing.
        ema: momentum of the running average of weights that is kept.
        blended_share: share of the drawn fakes that are blended.
        clean_share: share of the drawn views that are as scanned.
        patience: epochs without a better validation AUC before phase 2 ends early.
        seed: where chance starts.
    """

    head_epochs: int = 30
    epochs: int = 3
    rows_per_epoch: int = 2048
    batch: int = 32
    rate: float = 2e-4
    weight_decay: float = 1e-2
    dropout: float = 0.0
    smoothing: float = 0.05
    ema: float = 0.99
    blended_share: float = 0.2
    clean_share: float = 0.3
    patience: int = 3
    seed: int = 0


@dataclass(frozen=True)
class EpochReport:
    """What an epoch brought: its number of all, loss, validation AUC (None without validation), time left."""

    epoch: int
    epochs: int
    loss: float
    validation_auc: float | None
    remaining_s: float


class DrawnRows(keras.utils.PyDataset):  # type: ignore[misc]  # Keras publishes no types
    """Batches of middle features, drawn by weight; the same for the same seed and epoch."""

    def __init__(self, bank: Bank, rows: Rows, weights: NDArray[np.float64], recipe: Recipe) -> None:
        super().__init__()
        self._bank = bank
        self._rows = rows
        self._weights = weights
        self._recipe = recipe
        self._epoch = 0
        self._draw()

    def __len__(self) -> int:
        return max(1, self._recipe.rows_per_epoch // self._recipe.batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = np.sort(self._drawn[index * self._recipe.batch : (index + 1) * self._recipe.batch])
        return self._bank.middle[rows].astype(np.float32), self._bank.targets_of(rows)

    def on_epoch_end(self) -> None:
        """Draws anew."""
        self._epoch += 1
        self._draw()

    def _draw(self) -> None:
        rng = np.random.default_rng([self._recipe.seed, self._epoch])
        count = len(self) * self._recipe.batch
        self._drawn: Rows = rng.choice(self._rows, size=count, p=self._weights)


def fit_top(
    bank: Bank,
    top: keras.Model,
    sources: NDArray[np.str_],
    rows: Rows,
    *,
    recipe: Recipe,
    validation: Rows | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> keras.Model:
    """Fits a copy of `top` with a head on the given rows; phase 1, then phase 2.

    Args:
        bank: the features.
        top: the untrained top; is not changed.
        sources: the source of each row of the bank.
        rows: those to learn from.
        recipe: how.
        validation: rows of other sources; the epoch with the best AUC on their clean views is kept.
        on_epoch: is told after each epoch of phase 2.
    """
    keras.utils.set_random_seed(recipe.seed)
    weights = row_weights(bank, sources, rows, recipe)
    copy = keras.models.clone_model(top)
    copy.set_weights(top.get_weights())
    network = build_top(copy, dropout=recipe.dropout)
    # Frozen features hardly show where two pictures meet: blended faces would only blur the head.
    plain = rows[bank.kinds[rows] != "blended"]
    kernel, bias = fit_head(bank, plain, row_weights(bank, sources, plain, recipe), recipe)
    network.get_layer("head").set_weights([kernel.reshape(1, 1, -1, 1), bias])
    if recipe.epochs > 0:
        _fine_tune(network, DrawnRows(bank, rows, weights, recipe), bank, validation, recipe, on_epoch)
    return network


def row_weights(bank: Bank, sources: NDArray[np.str_], rows: Rows, recipe: Recipe) -> NDArray[np.float64]:
    """The probability of drawing each row: classes alike, kinds in their shares, sources by root of size."""
    kinds, targets, names = bank.kinds[rows], bank.targets[rows], sources[rows]
    if len(np.unique(targets)) < 2:
        raise TrainingError("training needs real and fake faces, got one class only")
    weights = np.zeros(len(rows))
    has_blended = bool((kinds == "blended").any()) and recipe.blended_share > 0
    blended_share = recipe.blended_share if has_blended else 0.0
    shares = {
        (0, "clean"): recipe.clean_share,
        (0, "degraded"): 1 - recipe.clean_share,
        (1, "clean"): recipe.clean_share * (1 - blended_share),
        (1, "degraded"): (1 - recipe.clean_share) * (1 - blended_share),
        (1, "blended"): blended_share,
    }
    for (target, kind), share in shares.items():
        chosen = (targets == target) & (kinds == kind)
        found, places, counts = np.unique(names[chosen], return_inverse=True, return_counts=True)
        if len(found):
            # A source of n faces counts as root n: neither drowned nor learnt by heart.
            spread = 1 / np.sqrt(counts[places])
            weights[chosen] = share * spread / spread.sum()
    return np.asarray(weights / weights.sum(), np.float64)


def fit_head(
    bank: Bank, rows: Rows, weights: NDArray[np.float64], recipe: Recipe
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Phase 1: a dense layer on the frozen, pooled features; returns its kernel (c,) and bias (1,)."""
    features = bank.pooled[rows]
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    inputs = keras.Input((features.shape[1],))
    head = keras.layers.Dense(1, kernel_initializer="zeros")
    network = keras.Model(inputs, head(inputs))
    steps = recipe.head_epochs * max(1, len(rows) // 256)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.1),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.smoothing),
    )
    scaled = ((features - mean) / spread).astype(np.float32)
    network.fit(
        scaled,
        bank.targets[rows],
        sample_weight=weights * len(rows),
        batch_size=256,
        epochs=recipe.head_epochs,
        verbose=0,
    )
    kernel, bias = head.get_weights()
    kernel = kernel[:, 0] / spread
    return kernel.astype(np.float32), (bias - (kernel * mean).sum()).astype(np.float32)


def predict_rows(network: keras.Model, bank: Bank, rows: Rows) -> NDArray[np.float64]:
    """The logits of the given rows."""
    parts = [
        np.asarray(network.predict_on_batch(bank.middle[rows[start : start + 64]].astype(np.float32)))[:, 0]
        for start in range(0, len(rows), 64)
    ]
    return np.concatenate(parts).astype(np.float64)


def _fine_tune(
    network: keras.Model,
    drawn: DrawnRows,
    bank: Bank,
    validation: Rows | None,
    recipe: Recipe,
    on_epoch: Callable[[EpochReport], None] | None,
) -> None:
    for layer in network.get_layer("top").layers:
        # A few thousand faces are too few to learn new statistics from, and a scan has other ones.
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    steps = recipe.epochs * len(drawn)
    warm_up = max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.rate / 10, steps - warm_up, warmup_target=recipe.rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=recipe.weight_decay, use_ema=True, ema_momentum=recipe.ema, clipnorm=1.0
    )
    network.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.smoothing))
    watch = _Watch(bank, validation, recipe, on_epoch)
    network.fit(drawn, epochs=recipe.epochs, verbose=0, callbacks=[watch])
    if watch.best is not None:
        network.set_weights(watch.best)
    else:
        optimizer.finalize_variable_values(network.trainable_variables)


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]  # Keras publishes no types
    """Tells of each epoch, keeps the best weights by validation and ends a run that stopped getting better."""

    def __init__(
        self,
        bank: Bank,
        validation: Rows | None,
        recipe: Recipe,
        on_epoch: Callable[[EpochReport], None] | None,
    ) -> None:
        super().__init__()
        self._bank = bank
        self._rows = None if validation is None else validation[bank.kinds[validation] == "clean"]
        self._recipe = recipe
        self._on_epoch = on_epoch
        self._started = time.monotonic()
        self._best_auc = -1.0
        self._waited = 0
        self.best: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras' hook."""
        auc = self._judge() if self._rows is not None else None
        spent = time.monotonic() - self._started
        remaining = spent / (epoch + 1) * (self._recipe.epochs - epoch - 1)
        if self._on_epoch is not None:
            loss = (logs or {}).get("loss", float("nan"))
            self._on_epoch(EpochReport(epoch + 1, self._recipe.epochs, loss, auc, remaining))
        if self._waited >= self._recipe.patience:
            self.model.stop_training = True

    def _judge(self) -> float:
        assert self._rows is not None  # noqa: S101 - for the type checker; the caller asked
        current = self.model.get_weights()
        # What would be kept is the average, so the average is what is measured.
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        averaged = self.model.get_weights()
        logits = predict_rows(self.model, self._bank, self._rows)
        self.model.set_weights(current)
        auc = roc_auc(self._bank.targets[self._rows], logits)
        if auc > self._best_auc:
            self._best_auc, self._waited, self.best = auc, 0, averaged
        else:
            self._waited += 1
        return auc
