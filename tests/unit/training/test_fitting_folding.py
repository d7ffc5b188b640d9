"""Batch normalisation folded into convolutions."""

import keras
import numpy as np

from training.backbones.backbone import Backbone
from training.backbones.normalisation import imagenet
from training.fitting_folding import fold_norms


def _with_statistics(network: keras.Model) -> keras.Model:
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return network


def _network() -> keras.Model:
    pixels = keras.Input((16, 16, 3))
    first = keras.layers.Conv2D(6, 3, use_bias=False, name="first")(pixels)
    normed = keras.layers.BatchNormalization(name="first_norm")(first)
    wide = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="wide")(normed)
    wide = keras.layers.BatchNormalization(scale=False, name="wide_norm")(wide)
    active = keras.layers.ReLU(name="active")(wide)
    # A norm that follows no convolution, and a convolution whose output goes two ways.
    loose = keras.layers.BatchNormalization(name="loose_norm")(active)
    forked = keras.layers.Conv2D(12, 1, name="forked")(loose)
    both = keras.layers.Add(name="both")([forked, keras.layers.BatchNormalization(name="fork_norm")(forked)])
    return _with_statistics(keras.Model(pixels, both))


def test_folding_changes_no_output() -> None:
    """The folded network computes what the other one computes in inference mode."""
    before = Backbone("drawn", _network(), imagenet(), ("active",))
    pixels = np.random.default_rng(1).normal(size=(2, 16, 16, 3)).astype(np.float32)

    after = fold_norms(before)

    expected = before.network.predict_on_batch(pixels)
    assert np.allclose(after.network.predict_on_batch(pixels), expected, atol=1e-4)


def test_only_norms_that_follow_one_convolution_are_folded() -> None:
    """A norm elsewhere, or behind an output that is used twice, stays; every name stays."""
    before = Backbone("drawn", _network(), imagenet(), ("active",))

    after = fold_norms(before)

    norms = [layer.name for layer in after.network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms == ["loose_norm", "fork_norm"]
    names = [layer.name for layer in after.network.layers]
    assert names[1:] == [layer.name for layer in before.network.layers][1:]
