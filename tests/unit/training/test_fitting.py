"""What a fit does to a network."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

import training.fitting_network
from tests.unit.training.face_sets import SIZE_PX, make_faces, make_item
from training.bank import Bank, fill_bank
from training.checkpoints import FitPlace, FitState
from training.fitting import Fitter
from training.fitting_network import (
    NetworkPlan,
    build_network,
    choose_precision,
    freeze,
    place_of_tensors,
    pooled_features_of,
    rate_factors,
)
from training.fitting_optimizer import make_optimizer, rate_of
from training.recipe import Recipe
from training.views import ViewPlan

PLAN = NetworkPlan("tiny", size_px=SIZE_PX)
RECIPE = Recipe(
    head_steps=40, epochs=2, rows_per_epoch=32, batch=8, rate=1e-3, ema=0.0, blended_share=0.2, video_share=None
)
# Fakes are brighter: something that a few steps can learn.
MATERIAL = [(make_item("fake" if n % 2 else "real", f"s{n % 4}", number=n), make_faces(20 * n)) for n in range(12)]
EVERYTHING = np.arange(12)


def _bank(tmp_path: Path) -> Bank:
    start = build_network(PLAN, recipe=RECIPE)
    return fill_bank(MATERIAL, pooled_features_of(start.classifier), plan=ViewPlan(degraded=1), directory=tmp_path)


def _fit(tmp_path: Path, recipe: Recipe = RECIPE, **options: Any) -> keras.Model:
    return Fitter(PLAN, MATERIAL, _bank(tmp_path), recipe).fit("fold 1", EVERYTHING, **options)[0]


def _changed(before: keras.Model, after: keras.Model) -> set[str]:
    first, second = before.get_layer("backbone"), after.get_layer("backbone")
    return {
        one.name
        for one, other in zip(first.layers, second.layers, strict=True)
        if any(not np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    }


@pytest.mark.parametrize(
    ("unfreeze", "expected"),
    [
        (0, set()),
        (1, {"tiny_3"}),
        (2, {"tiny_2", "tiny_3"}),
        ("all", {"tiny_0", "tiny_1", "tiny_2", "tiny_3"}),
    ],
)
def test_the_upper_stages_learn_and_the_lower_ones_stay(tmp_path: Path, unfreeze: Any, expected: set[str]) -> None:
    """Of the backbone, what lies above the unfrozen stages changes and nothing else; the head always learns."""
    start = build_network(PLAN, recipe=RECIPE).classifier

    fitted = _fit(tmp_path, replace(RECIPE, unfreeze=unfreeze, epochs=1))

    assert _changed(start, fitted) == expected
    assert not np.array_equal(start.get_layer("head").get_weights()[0], fitted.get_layer("head").get_weights()[0])


def test_lower_stages_learn_at_a_lower_rate() -> None:
    """Each stage takes the decay once more than the one above it; the head has a factor of its own."""
    recipe = replace(RECIPE, stage_decay=0.5, head_factor=0.1)
    network = build_network(PLAN, recipe=recipe)

    factors = rate_factors(network, recipe=recipe)

    kernels = {layer.name: layer.kernel.path for layer in network.backbone.network.layers if layer.weights}
    assert [factors[kernels[f"tiny_{n}"]] for n in (3, 2, 1, 0)] == [1.0, 0.5, 0.25, 0.125]
    assert factors[network.classifier.get_layer("head").kernel.path] == 0.1


def test_a_stage_of_rate_zero_stays_where_it_is() -> None:
    """The factor of a variable reaches the step that is taken."""
    variables = [keras.Variable(np.ones((2, 2), np.float32), name=name) for name in ("low", "high")]
    optimizer = make_optimizer(replace(RECIPE, weight_decay=0.5), {variables[0].path: 0.0})

    optimizer.apply([keras.ops.ones((2, 2)), keras.ops.ones((2, 2))], variables)

    assert np.asarray(variables[0]).tolist() == [[1, 1], [1, 1]]
    assert np.asarray(variables[1]).max() < 1


def test_biases_do_not_decay() -> None:
    """Weight decay pulls at kernels alone."""
    kernel, bias = keras.Variable(np.ones((2, 2), np.float32)), keras.Variable(np.ones(2, np.float32))
    optimizer = make_optimizer(replace(RECIPE, optimizer="sgd", rate=0.1, weight_decay=0.5), {})

    optimizer.apply([keras.ops.zeros((2, 2)), keras.ops.zeros(2)], [kernel, bias])

    assert np.asarray(kernel) == pytest.approx(0.95)
    assert np.asarray(bias) == pytest.approx(1.0)


def test_adamw_warms_up_and_falls_along_a_cosine() -> None:
    """The rate rises from a tenth to its peak, and ends at zero."""
    recipe = replace(RECIPE, epochs=10, rows_per_epoch=80, warm_up=0.2, rate=1e-2)
    optimizer = make_optimizer(recipe, {})
    rates = []
    for step in (0, 20, 60, 100):
        optimizer.iterations.assign(step)
        rates.append(rate_of(optimizer))

    assert rates == pytest.approx([1e-3, 1e-2, 5e-3, 0.0], abs=1e-6)


def test_sgd_falls_in_steps() -> None:
    """The rate is the peak until the first step, and a tenth of it at each that follows."""
    recipe = replace(RECIPE, optimizer="sgd", epochs=10, rows_per_epoch=80, rate=1e-2, rate_steps=(0.5, 0.8))
    optimizer = make_optimizer(recipe, {})
    rates = []
    for step in (0, 49, 51, 79, 81):
        optimizer.iterations.assign(step)
        rates.append(rate_of(optimizer))

    assert rates == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3, 1e-4])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_same_seed_gives_the_same_network(tmp_path: Path, optimizer: Any) -> None:
    """Two fits of one seed end in the same weights, to the last bit; another seed does not."""
    recipe = replace(RECIPE, optimizer=optimizer, dropout=0.3, mixup=0.2)

    first, again = _fit(tmp_path, recipe).get_weights(), _fit(tmp_path, recipe).get_weights()
    other = _fit(tmp_path, replace(recipe, seed=1)).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_average_of_weights_is_kept(tmp_path: Path) -> None:
    """With a momentum that hardly moves, the kept weights stay near the start though the steps are large."""
    start = build_network(PLAN, recipe=RECIPE).classifier.get_layer("backbone").get_weights()

    slow = _fit(tmp_path, replace(RECIPE, ema=0.9999)).get_layer("backbone").get_weights()
    fast = _fit(tmp_path, RECIPE).get_layer("backbone").get_weights()

    moved = [np.abs(a - b).max() for a, b in zip(start, slow, strict=True)]
    assert max(moved) < 0.5 * max(np.abs(a - b).max() for a, b in zip(start, fast, strict=True))


class _Recorder(FitPlace):
    """Remembers the network after each epoch instead of writing it."""

    networks: ClassVar[list[list[Any]]] = []

    def save_state(self, state: FitState) -> None:
        """Remembers."""
        self.networks.append(state.network)


def test_the_best_epoch_by_validation_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit ends when no epoch was better for as long as its patience, and gives the best one's weights."""
    found = iter((0.7, 0.9, 0.8, 0.85, 0.95))
    monkeypatch.setattr("training.fitting_watch.roc_auc", lambda *_: next(found))
    monkeypatch.setattr(_Recorder, "networks", [])
    fitter = Fitter(PLAN, MATERIAL, _bank(tmp_path), replace(RECIPE, epochs=5, patience=2))

    network, curve = fitter.fit("fold 1", EVERYTHING[:8], validation=EVERYTHING[8:], place=_Recorder(tmp_path))

    assert [point.validation_auc for point in curve] == [0.7, 0.9, 0.8, 0.85]
    second, last = _Recorder.networks[1], _Recorder.networks[3]
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(network.get_weights(), last, strict=True))


def test_a_curve_has_a_point_for_each_epoch(tmp_path: Path) -> None:
    """Loss, rate and time of every epoch are kept, and told as they come."""
    told: list[Any] = []
    fitter = Fitter(PLAN, MATERIAL, _bank(tmp_path), RECIPE, on_epoch=told.append)

    _, curve = fitter.fit("fold 1", EVERYTHING)

    assert told == curve
    assert [(point.run, point.epoch, point.validation_auc) for point in curve] == [
        ("fold 1", 1, None),
        ("fold 1", 2, None),
    ]
    assert all(point.loss > 0 and point.seconds > 0 for point in curve)
    assert curve[0].rate > curve[1].rate


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_and_gives_float32(tmp_path: Path, precision: Any) -> None:
    """Weights and logits are float32 and near those of full precision."""
    half, full = _fit(tmp_path, replace(RECIPE, precision=precision)), _fit(tmp_path)
    pixels = np.stack([faces.crops[0] for _, faces in MATERIAL]).astype(np.float32)

    found, expected = (model.predict_on_batch(pixels)["logit"] for model in (half, full))

    assert {str(weight.dtype) for weight in half.weights} == {"float32"}
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=0.1)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/job:localhost/replica:0/task:0/device:cpu:0", "float32"),
        ("/job:localhost/replica:0/task:0/device:gpu:0", "mixed_float16"),
        ("tfrt_cpu_0", "float32"),
        ("cuda:0", "mixed_float16"),
        ("cpu", "float32"),
    ],
)
def test_auto_precision_is_mixed_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch, place: str, expected: str) -> None:
    """Half precision on a CPU is slower and less exact; each backend has its own word for a GPU."""
    monkeypatch.setattr(training.fitting_network, "place_of_tensors", lambda: place)

    assert choose_precision("auto") == expected
    assert choose_precision("mixed_bfloat16") == "mixed_bfloat16"


def test_tensors_have_a_place() -> None:
    """The backend says where it computes."""
    assert any(name in place_of_tensors() for name in ("cpu", "gpu", "cuda"))


@pytest.mark.slow
def test_frozen_norms_keep_their_statistics() -> None:
    """Batch normalisation is folded where it can be, and what is left of it does not learn."""
    plan = NetworkPlan("densenet121", size_px=SIZE_PX)
    recipe = replace(RECIPE, freeze_norms=True)
    network = build_network(plan, recipe=recipe)

    freeze(network, recipe=recipe)

    norms = [layer for layer in network.backbone.network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms
    assert not any(norm.trainable for norm in norms)
