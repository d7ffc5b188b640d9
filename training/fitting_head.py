"""Phase 1: a dense layer on frozen features, which gives phase 2 a head that already knows the direction."""

import keras
import numpy as np
from numpy.typing import NDArray

from training.bank import Bank
from training.recipe import Recipe

Rows = NDArray[np.int64]
_BATCH = 256
# Standardised features of a whole backbone are many and few of them matter.
_WEIGHT_DECAY = 0.1


def fit_head(
    bank: Bank, rows: Rows, sources: NDArray[np.str_], *, recipe: Recipe
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The kernel (c,) and bias (1,) of a dense layer on pooled features.

    Args:
        bank: the features.
        rows: those to learn from.
        sources: of each row of the bank.
        recipe: epochs, rate, smoothing and the share of clean views.
    """
    features = bank.pooled[rows]
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    inputs = keras.Input((features.shape[1],))
    head = keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32")
    network = keras.Model(inputs, head(inputs))
    steps = recipe.head_epochs * max(1, -(-len(rows) // _BATCH))
    rate = keras.optimizers.schedules.CosineDecay(recipe.head_rate, steps)
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=_WEIGHT_DECAY),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.smoothing),
        jit_compile=False,
    )
    scaled = ((features - mean) / spread).astype(np.float32)
    keras.utils.set_random_seed(recipe.seed)
    network.fit(
        scaled,
        bank.targets[rows],
        sample_weight=row_weights(bank, rows, sources, recipe) * len(rows),
        batch_size=_BATCH,
        epochs=recipe.head_epochs,
        verbose=0,
    )
    kernel, bias = head.get_weights()
    kernel = kernel[:, 0] / spread
    return kernel.astype(np.float32), (bias - (kernel * mean).sum()).astype(np.float32)


def row_weights(bank: Bank, rows: Rows, sources: NDArray[np.str_], recipe: Recipe) -> NDArray[np.float64]:
    """How much each row counts: classes alike, kinds in their shares, a source of n rows as root n; the sum is 1."""
    kinds, targets, names = bank.kinds[rows], bank.targets[rows], sources[rows]
    weights = np.zeros(len(rows))
    for kind, share in (("clean", recipe.clean_share), ("degraded", 1 - recipe.clean_share)):
        for target in (0, 1):
            chosen = (targets == target) & (kinds == kind)
            found, places, counts = np.unique(names[chosen], return_inverse=True, return_counts=True)
            if len(found):
                spread = 1 / np.sqrt(counts[places])
                weights[chosen] = share * spread / spread.sum()
    return np.asarray(weights / weights.sum(), np.float64)
