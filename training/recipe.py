"""Says how a network is fitted: everything that shapes a fit besides the faces and the network."""

import math
from dataclasses import dataclass
from typing import Literal

from training.errors import TrainingError

Optimizer = Literal["adamw", "sgd"]
Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
ClassWeights = Literal["equal", "found"] | tuple[float, float]

OPTIMIZERS: tuple[Optimizer, ...] = ("adamw", "sgd")
PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted, in two phases: a head on frozen features, then the upper stages from pixels.

    Args:
        head_steps: of phase 1 (L-BFGS on the frozen features of all rows) at most; 0 starts phase 2 with an empty head.
        head_ridge: how strongly phase 1 pulls the kernel to zero.
        head_steadiness: how dearly phase 1 pays for changes of the logit between two views of one face.
        head_contrast: what the logit of the contrast's head counts beside that of the features' own, in phase 1 and
            where there is a contrast.
        epochs: of phase 2; 0 keeps the frozen features.
        rows_per_epoch: faces shown in an epoch of phase 2.
        batch: faces per step; even, because real and fake ones come in couples.
        optimizer: "adamw" (warm-up, then cosine) or "sgd" (Nesterov momentum, rate falls in steps).
        rate: peak learning rate of phase 2, of the last stage.
        stage_decay: what the rate is multiplied by from each stage to the one below it; 1 is one rate for all.
        head_factor: what the rate is multiplied by for the head; it reads many features at once, so that one step of
            all its weights moves a logit far.
        warm_up: share of the steps in which AdamW's rate rises.
        momentum: of SGD.
        rate_steps: shares of phase 2 after which SGD's rate falls.
        rate_step: what it then is multiplied by.
        weight_decay: of kernels, decoupled from the gradient; biases and norms have none.
        clip_norm: largest norm of all gradients together; 0 is no limit.
        unfreeze: stages from the end that phase 2 trains; 0 trains the head alone, "all" everything.
        freeze_norms: whether batch normalisation stays in inference mode (and is folded into convolutions, which is
            the same and faster); None: where the network starts from weights.
        dropout: share of feature channels dropped before the head.
        smoothing: label smoothing.
        mixup: alpha of MixUp (Zhang et al., ICLR 2018); 0 mixes nothing.
        ema: momentum of the running average of weights that is kept; 0 keeps the last weights.
        class_weights: "equal" shows as many fakes as real faces; "found" draws them as often as they are there; two
            numbers show them equally and weigh the loss of (real, fake).
        blended_share: share of the fakes shown that are a real face of the same batch, blended with itself.
        crossed_share: share of the blended fakes that are blended with another real face instead of themselves.
        paired_share: share of the other fakes that come with a real face of their own source, or of its matched one.
        clean_share: share of the faces shown as a scan sees them.
        degraded_share: of the other views, share that is degraded and not only framed anew.
        without: steps of the degradation that are left out, such as "h264"; for ablations.
        video_share: share of the faces shown that come from videos, where both classes have pictures and videos; None
            leaves it to the sizes of the sources.
        replay: share of the old set in the faces shown of each class, where reviewed videos stand beside it.
        validation_share: share of the learning groups set aside to choose the best epoch by; 0 learns from all of them.
        validation_rows: the most faces that an epoch is judged on.
        patience: epochs without a better validation AUC before phase 2 ends; 0 never ends it early.
        precision: of the computation; "auto" is mixed_float16 on a GPU and float32 elsewhere.
        seed: where chance starts.

    Raises:
        TrainingError: a value is out of its range.
    """

    head_steps: int = 80
    head_ridge: float = 0.03
    head_steadiness: float = 0.1
    head_contrast: float = 0.5
    epochs: int = 5
    rows_per_epoch: int = 4096
    batch: int = 32
    optimizer: Optimizer = "adamw"
    rate: float = 1e-4
    stage_decay: float = 1.0
    head_factor: float = 1.0
    warm_up: float = 0.05
    momentum: float = 0.9
    rate_steps: tuple[float, ...] = (0.6, 0.85)
    rate_step: float = 0.1
    weight_decay: float = 2e-2
    clip_norm: float = 1.0
    unfreeze: int | Literal["all"] = "all"
    freeze_norms: bool | None = None
    dropout: float = 0.0
    smoothing: float = 0.05
    mixup: float = 0.0
    ema: float = 0.98
    class_weights: ClassWeights = "equal"
    blended_share: float = 0.3
    crossed_share: float = 0.0
    paired_share: float = 0.3
    clean_share: float = 0.2
    degraded_share: float = 0.75
    without: tuple[str, ...] = ()
    video_share: float | None = 0.35
    replay: float = 0.8
    validation_share: float = 0.0
    validation_rows: int = 600
    patience: int = 3
    precision: Precision = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("head_steps", "epochs", "patience"):
            self._require(name, at_least=0)
        for name in ("rows_per_epoch", "batch", "validation_rows"):
            self._require(name, at_least=2)
        for name in ("blended_share", "crossed_share", "paired_share", "clean_share", "degraded_share", "rate_step"):
            self._require(name, at_least=0, at_most=1)
        self._require("replay", above=0, below=1)
        if self.video_share is not None:
            self._require("video_share", above=0, below=1)
        for name in ("dropout", "smoothing", "ema", "momentum", "warm_up", "validation_share"):
            self._require(name, at_least=0, below=1)
        for name in ("weight_decay", "clip_norm", "mixup", "head_ridge", "head_steadiness", "head_contrast"):
            self._require(name, at_least=0)
        for name in ("rate", "stage_decay", "head_factor"):
            self._require(name, above=0)
        self._require_choices()
        self._require_class_weights()

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch of phase 2."""
        return max(1, self.rows_per_epoch // self.batch)

    def _require(
        self,
        name: str,
        *,
        at_least: float = -math.inf,
        at_most: float = math.inf,
        above: float = -math.inf,
        below: float = math.inf,
    ) -> None:
        value = getattr(self, name)
        if not (math.isfinite(value) and at_least <= value <= at_most and above < value < below):
            limits = ((at_least, "at least"), (at_most, "at most"), (above, "above"), (below, "below"))
            wanted = " and ".join(f"{words} {limit:g}" for limit, words in limits if math.isfinite(limit))
            raise TrainingError(f"{name} must be {wanted}, got {value}")

    def _require_choices(self) -> None:
        if self.batch % 2:
            raise TrainingError(f"batch must be even, because real and fake faces come in couples, got {self.batch}")
        if self.optimizer not in OPTIMIZERS:
            raise TrainingError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}")
        if self.precision not in PRECISIONS:
            raise TrainingError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        unfreeze: object = self.unfreeze
        if unfreeze != "all" and not (isinstance(unfreeze, int) and unfreeze >= 0):
            raise TrainingError(f"unfreeze must be 'all' or a number of stages from 0 on, got {self.unfreeze!r}")
        if list(self.rate_steps) != sorted(self.rate_steps) or not all(0 < share < 1 for share in self.rate_steps):
            raise TrainingError(f"rate_steps must rise between 0 and 1, got {self.rate_steps}")

    def _require_class_weights(self) -> None:
        weights: object = self.class_weights
        is_numbers = isinstance(weights, tuple) and len(weights) == 2 and all(0 < weight < 1e6 for weight in weights)
        if not is_numbers and weights not in ("equal", "found"):
            raise TrainingError(
                f"class_weights must be 'equal', 'found' or two positive numbers (real, fake), got {weights!r}"
            )
