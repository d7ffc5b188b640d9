"""Every network builds by name, says what pixels it wants, and where its blocks end."""

import keras
import numpy as np
import pytest

from training.backbones.backbone import Backbone, layers_above
from training.backbones.catalogue import ENTRIES, build_backbone
from training.backbones.names import BACKBONES, WEIGHTS_STYLES
from training.backbones.normalisation import imagenet
from training.errors import TrainingError

SIZE_PX = 64
# Side and channels of the last features at an input of 64 px.
FEATURES = {
    "mobilenetv2": (4, 2592),
    "mobilenetv3": (2, 960),
    "efficientnetv2b0": (2, 1280),
    "densenet121": (2, 1024),
    "resnet50": (2, 2048),
    "convnexttiny": (2, 768),
    "resnet18": (2, 512),
    "vit": (4, 192),
    "small_cnn": (4, 192),
    "tiny": (4, 32),
}


def build(name: str) -> Backbone:
    """The backbone from nothing, at the size of these tests."""
    return build_backbone(name, weights=None, size_px=SIZE_PX)


def test_every_name_has_an_entry_and_every_entry_known_styles() -> None:
    """The names that commands offer are those that can be built."""
    assert tuple(ENTRIES) == BACKBONES == tuple(FEATURES)
    assert {style for entry in ENTRIES.values() for style in entry.styles} == set(WEIGHTS_STYLES)


@pytest.mark.parametrize("name", BACKBONES)
def test_features_keep_their_places(name: str) -> None:
    """The last features are a grid, so that a head gives a map; stages go from input to output."""
    backbone = build(name)

    side, channels = FEATURES[name]
    assert backbone.network.outputs[0].shape == (None, side, side, channels)
    order = [layer.name for layer in backbone.network.layers]
    places = [order.index(stage) for stage in backbone.stages]
    assert len(places) >= 3
    assert places == sorted(set(places))
    assert not backbone.is_pretrained


@pytest.mark.parametrize("name", ["tiny", "small_cnn", "vit", "resnet18"])
def test_both_sides_of_a_cut_make_the_whole(name: str) -> None:
    """Lower and upper part, one after the other, give what the network gives."""
    backbone = build(name)
    pixels = np.random.default_rng(0).normal(size=(1, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
    middle = backbone.network.get_layer(backbone.stages[-1]).output
    lower = keras.Model(backbone.network.inputs[0], middle)
    upper = keras.Model(middle, backbone.network.outputs[0])

    found = np.asarray(upper(lower(pixels)))

    assert np.allclose(found, np.asarray(backbone.network(pixels)), atol=1e-5)


def test_top_blocks_lie_above_their_stage() -> None:
    """One block is what follows the last stage; more blocks than stages are everything."""
    backbone = build("tiny")

    assert layers_above(backbone, 0) == ()
    assert [layer.name for layer in layers_above(backbone, 1)] == ["tiny_3"]
    assert [layer.name for layer in layers_above(backbone, 2)] == ["tiny_2", "tiny_3"]
    assert len(layers_above(backbone, 4)) == len(backbone.network.layers) == 5
    with pytest.raises(TrainingError, match="must be 0 or more, got -1"):
        layers_above(backbone, -1)


def test_blocks_that_run_side_by_side_are_above_together() -> None:
    """What is only gathered from below is above the last stage; the layers that were gathered from are not."""
    above = {layer.name for layer in layers_above(build("mobilenetv2"), 1)}

    assert {"block_13_expand", "features"} <= above
    assert not {"block_12_add", "block_12_project", "Conv1"} & above


@pytest.mark.parametrize("name", ["tiny", "small_cnn", "vit", "resnet18", "mobilenetv2"])
def test_a_seed_repeats_a_build(name: str) -> None:
    """The same seed draws the same weights, another one others."""
    drawn = []
    for seed in (5, 5, 6):
        keras.utils.set_random_seed(seed)
        drawn.append(np.concatenate([weight.ravel() for weight in build(name).network.get_weights()]))

    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_an_unknown_name_is_answered_with_the_names() -> None:
    """Which networks there are stands in the message."""
    with pytest.raises(TrainingError, match=r"unknown network 'vgg16': choose one of mobilenetv2, .*small_cnn, tiny$"):
        build_backbone("vgg16", weights=None)


@pytest.mark.parametrize("size_px", [0, 16, 100])
def test_a_size_that_does_not_divide_is_refused(size_px: int) -> None:
    """Sides are halved five times, so they are multiples of 32."""
    with pytest.raises(TrainingError, match=f"must be a multiple of 32 px, got {size_px}"):
        build_backbone("tiny", weights=None, size_px=size_px)


def test_stages_that_are_none_are_refused() -> None:
    """A stage must be a layer, and stages go from input to output."""
    network = build("tiny").network

    with pytest.raises(ValueError, match="got \\['tiny_9'\\]"):
        Backbone("tiny", network, imagenet(), ("tiny_9",))
    with pytest.raises(ValueError, match="from input to output"):
        Backbone("tiny", network, imagenet(), ("tiny_1", "tiny_0"))
    with pytest.raises(ValueError, match="got none"):
        Backbone("tiny", network, imagenet(), ())
