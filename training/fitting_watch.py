"""Follows a fit epoch by epoch: judges it, keeps its best weights and its state, tells of it, and ends it in time."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.checkpoints import Arrays, CurvePoint, FitPlace, FitState
from training.fitting_network import assign_values, values_of
from training.fitting_optimizer import rate_of
from training.metrics import roc_auc
from training.recipe import Recipe

Judge = Callable[[], tuple[NDArray[np.float32], NDArray[np.float64]]]


class EpochWatch(keras.callbacks.Callback):  # type: ignore[misc]  # Keras publishes no types
    """Keras' callback for phase 2.

    Args:
        name: of the fit.
        state: where it stands; is kept up to date.
        recipe: patience and the average of weights.
        judge: gives targets and logits of the validation part by the network as it is; None without validation.
        place: where the state is kept.
        on_epoch: is told of each epoch.
        on_step: is told the steps done and the steps in all.
    """

    def __init__(
        self,
        name: str,
        state: FitState,
        recipe: Recipe,
        *,
        judge: Judge | None,
        place: FitPlace | None,
        on_epoch: Callable[[CurvePoint], None] | None,
        on_step: Callable[[int, int], None] | None,
    ) -> None:
        super().__init__()
        self._name = name
        self._state = state
        self._recipe = recipe
        self._judge = judge
        self._place = place
        self._on_epoch = on_epoch
        self._on_step = on_step
        self._started = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to learn: every epoch done, or too many without a better one."""
        has_waited = 0 < self._recipe.patience <= self._state.waited
        return has_waited or len(self._state.curve) >= self._recipe.epochs

    def keep_best(self, learner: keras.Model) -> None:
        """Puts the weights that are to be kept into the network: of the best epoch, else the average."""
        if self._state.best:
            assign_values(learner.weights, self._state.best)
        else:
            learner.optimizer.finalize_variable_values(learner.trainable_variables)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras' hook."""
        del epoch, logs
        self._started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras' hook."""
        del logs
        if self._on_step is not None:
            self._on_step(batch + 1, self._recipe.steps_per_epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras' hook."""
        state = self._state
        auc = self._validate() if self._judge is not None else None
        loss = float((logs or {}).get("loss", float("nan")))
        rate = rate_of(self.model.optimizer)
        spent = time.monotonic() - self._started
        point = CurvePoint(self._name, epoch + 1, loss, auc, rate, spent)
        state.curve.append(point)
        if self._place is not None:
            state.network, state.optimizer = values_of(self.model.variables), values_of(self.model.optimizer.variables)
            self._place.save_state(state)
        if self._on_epoch is not None:
            self._on_epoch(point)
        if self.is_over:
            self.model.stop_training = True

    def _validate(self) -> float:
        assert self._judge is not None  # noqa: S101 - for the type checker; the caller asked
        current: Arrays = values_of(self.model.weights)
        # What would be kept is the average, so the average is what is measured.
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        averaged: Arrays = values_of(self.model.weights)
        # JAX gave the network the optimizer's own buffers, and would delete them with the network's.
        assign_values(self.model.weights, averaged)
        auc = roc_auc(*self._judge())
        assign_values(self.model.weights, current)
        if auc > self._state.best_auc:
            self._state.best_auc, self._state.waited, self._state.best = auc, 0, averaged
        else:
            self._state.waited += 1
        return auc
