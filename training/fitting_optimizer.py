"""Makes the optimizer of a recipe: AdamW with warm-up and cosine, or SGD with momentum and falling steps.

Both give each variable its own share of the rate, and let weights decay apart from the gradient (Loshchilov & Hutter,
ICLR 2019), by the same share.
"""

from collections.abc import Mapping
from typing import Any

import keras

from training.recipe import Recipe


class _StageRates:
    """Rates by variable, put before an optimizer; what is overridden are Keras' documented places for it."""

    def set_stages(self, factors: Mapping[str, float], decay: float) -> None:
        """What the rate of each variable is multiplied by (1 where it is not named), and the weight decay."""
        self._factors_by_path = dict(factors)
        self._decay = decay

    def build(self, variables: list[Any]) -> None:
        """Keras' hook."""
        # TensorFlow hands its own variables to `update_step`, which know no path; their places are known.
        self._factors = [self._factors_by_path.get(variable.path, 1.0) for variable in variables]
        super().build(variables)  # type: ignore[misc]  # the optimizer comes after this class

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Keras' hook."""
        optimizer: Any = self
        factor = self._factors[optimizer._get_variable_index(variable)]
        rate = keras.ops.cast(learning_rate, variable.dtype) * factor
        # Biases and the scales of norms have one dimension: pulling them to zero changes what a layer lets through.
        if self._decay and len(variable.shape) > 1:
            optimizer.assign_sub(variable, variable * (rate * self._decay))
        super().update_step(gradient, variable, rate)  # type: ignore[misc]


class StagedAdamW(_StageRates, keras.optimizers.Adam):  # type: ignore[misc]  # Keras publishes no types
    """Adam with decoupled decay and a rate for each stage."""


class StagedSgd(_StageRates, keras.optimizers.SGD):  # type: ignore[misc]  # Keras publishes no types
    """SGD with decoupled decay and a rate for each stage."""


def make_optimizer(recipe: Recipe, factors: Mapping[str, float]) -> keras.optimizers.Optimizer:
    """The optimizer of phase 2.

    Args:
        recipe: which, and how.
        factors: what each variable's rate is multiplied by, by its path.
    """
    averaging = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    clipping = {"global_clipnorm": recipe.clip_norm} if recipe.clip_norm else {}
    if recipe.optimizer == "sgd":
        optimizer = StagedSgd(_falling(recipe), momentum=recipe.momentum, nesterov=True, **averaging, **clipping)
    else:
        optimizer = StagedAdamW(_cosine(recipe), **averaging, **clipping)
    optimizer.set_stages(factors, recipe.weight_decay)
    return optimizer


def rate_of(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of the next step."""
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def _cosine(recipe: Recipe) -> Any:
    steps = max(1, recipe.epochs * recipe.steps_per_epoch)
    rising = round(steps * recipe.warm_up)
    if rising == 0:
        return keras.optimizers.schedules.CosineDecay(recipe.rate, steps)
    return keras.optimizers.schedules.CosineDecay(
        recipe.rate / 10, max(1, steps - rising), warmup_target=recipe.rate, warmup_steps=rising
    )


def _falling(recipe: Recipe) -> Any:
    steps = recipe.epochs * recipe.steps_per_epoch
    places = [max(1, round(steps * share)) for share in recipe.rate_steps]
    rates = [recipe.rate * recipe.rate_step**n for n in range(len(places) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(places, rates) if places else recipe.rate
