"""An exported network is the one that learnt, and nothing of how it learnt."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from training.architecture import build_classifier
from training.backbones.catalogue import build_backbone
from training.errors import TrainingError
from training.export import export_keras, export_openvino, network_for_use, parity_gap, require_parity

SIZE_PX = 32


def draw_crops() -> NDArray[np.uint8]:
    """Four pictures of noise."""
    return np.random.default_rng(0).integers(0, 256, (4, SIZE_PX, SIZE_PX, 3), np.uint8)


def build(name: str = "tiny", *, seed: int = 0) -> keras.Model:
    """A classifier from nothing."""
    keras.utils.set_random_seed(seed)
    return build_classifier(build_backbone(name, weights=None, size_px=SIZE_PX))


def logits(network: keras.Model) -> NDArray[np.float32]:
    """What it says of the crops."""
    return np.asarray(network(draw_crops().astype(np.float32), training=False)["logit"])


def train_a_step(network: keras.Model) -> None:
    """One step, so that an optimizer with its memory hangs on the network."""
    loss = {"logit": keras.losses.BinaryCrossentropy(from_logits=True), "heat_map": None}
    network.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    targets = np.array([[0], [1], [0], [1]], np.float32)
    network.fit(draw_crops().astype(np.float32), {"logit": targets}, verbose=0)


def test_the_optimizer_stays_behind(tmp_path: Path) -> None:
    """The file holds the weights once, and the network says what it said."""
    network = build()
    train_a_step(network)

    export_keras(network, tmp_path / "network.keras")

    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    assert getattr(loaded, "optimizer", None) is None
    assert np.array_equal(logits(loaded), logits(network))
    assert network.optimizer is not None
    # 11,849 weights of 4 bytes and the file's own frame; Adam's memory would make it three times as much.
    assert (tmp_path / "network.keras").stat().st_size < 110_000


def test_frozen_layers_keep_their_own_weights() -> None:
    """What is frozen changes the order of nothing."""
    network = build("resnet18")
    for layer in network.get_layer("backbone").layers[::2]:
        layer.trainable = False

    assert np.array_equal(logits(network_for_use(network)), logits(network))


def test_half_precision_of_training_is_not_exported() -> None:
    """A network that learnt in 16 bits is used in 32, with the same weights."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = build()
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.get_layer("backbone").get_layer("tiny_1").compute_dtype == "float16"

    exported = network_for_use(network)

    layers = [*exported.layers, *exported.get_layer("backbone").layers]
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    assert all(np.array_equal(a, b) for a, b in zip(exported.get_weights(), network.get_weights(), strict=True))
    assert np.array_equal(logits(exported), logits(build()))


def test_a_network_that_is_not_the_exported_one_is_refused(tmp_path: Path) -> None:
    """Parity holds for the network that was exported, and is missed by another one."""
    network, other = build(seed=0), build(seed=1)
    export_openvino(network, tmp_path / "network.xml")

    assert parity_gap(network, tmp_path / "network.xml", draw_crops()) < 1e-5
    with pytest.raises(TrainingError, match=r"Keras and OpenVINO differ by .* on 4 crops, allowed is 0\.001"):
        require_parity(other, tmp_path / "network.xml", draw_crops())


@pytest.mark.slow
def test_another_backend_has_tensorflow_export_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Keras runs on JAX or torch, a second Python with TensorFlow writes the OpenVINO network."""
    network = build()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")

    export_openvino(network, tmp_path / "network.xml")

    assert require_parity(network, tmp_path / "network.xml", draw_crops()) < 1e-5


def test_without_tensorflow_the_export_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is missing and what to install."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'tensorflow'\" >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")

    with pytest.raises(TrainingError, match=r"No module named 'tensorflow'.*: install tensorflow beside torch"):
        export_openvino(build(), tmp_path / "network.xml")
