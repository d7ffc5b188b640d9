"""A weights file is treated as its hash says, or as the user says of it."""

import hashlib
from pathlib import Path

import keras
import numpy as np
import pytest

from training import weights
from training.backbones import mobilenet_v2, stock
from training.backbones.catalogue import build_backbone
from training.backbones.normalisation import imagenet, symmetric
from training.errors import TrainingError
from training.weights import KnownFile, decide_style

SIZE_PX = 32


def save(network: keras.Model, path: Path) -> Path:
    """The network's weights, drawn anew so that no other build has them."""
    rng = np.random.default_rng(4)
    network.set_weights([rng.uniform(0.1, 0.9, value.shape).astype(np.float32) for value in network.get_weights()])
    network.save_weights(path)
    return path


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of MobileNetV2 in Keras' layout, of nobody's knowledge."""
    return save(mobilenet_v2.build_stock(SIZE_PX, "keras"), tmp_path_factory.mktemp("weights") / "own.weights.h5")


def know(monkeypatch: pytest.MonkeyPatch, path: Path, known: KnownFile) -> None:
    """Puts the file's hash in the table."""
    monkeypatch.setitem(weights.KNOWN_FILES, hashlib.sha256(path.read_bytes()).hexdigest(), known)


def paddings(network: keras.Model) -> set[object]:
    """What the network's padding layers do."""
    return {layer.padding for layer in network.layers if isinstance(layer, keras.layers.ZeroPadding2D)}


def test_a_known_file_decides_by_itself(mobilenet_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of torchvision bring ImageNet's mean and padding above and left, whatever the file is called."""
    know(monkeypatch, mobilenet_file, KnownFile("mobilenetv2", "torchvision"))

    backbone = build_backbone("mobilenetv2", weights=mobilenet_file, size_px=SIZE_PX)

    assert backbone.normalisation == imagenet()
    assert backbone.padding == "torchvision"
    assert backbone.is_pretrained
    assert paddings(backbone.network) == {((1, 0), (1, 0))}
    assert backbone.facts() == {"backbone": "mobilenetv2", "padding": "torchvision", "is_pretrained": True}


def test_the_user_decides_about_an_unknown_file(mobilenet_file: Path) -> None:
    """Keras' values bring [-1, 1] and padding below and right; the file's values are in the network."""
    backbone = build_backbone("mobilenetv2", weights=mobilenet_file, size_px=SIZE_PX, weights_style="keras")

    assert backbone.normalisation == symmetric()
    assert backbone.padding == "keras"
    assert paddings(backbone.network) == {((0, 1), (0, 1))}
    kernel = backbone.network.get_layer("Conv1").get_weights()[0]
    assert 0.1 <= kernel.min() < kernel.max() <= 0.9


def test_an_unknown_file_of_two_possible_styles_is_asked_about(mobilenet_file: Path) -> None:
    """A wrong normalisation would cost accuracy in silence, so nothing is guessed."""
    with pytest.raises(TrainingError, match=r"not known.* --weights-style torchvision or keras"):
        build_backbone("mobilenetv2", weights=mobilenet_file, size_px=SIZE_PX)


def test_a_known_file_is_not_taken_for_another(mobilenet_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another backbone nor another style is believed against the hash."""
    know(monkeypatch, mobilenet_file, KnownFile("mobilenetv2", "torchvision"))

    with pytest.raises(TrainingError, match="holds weights of mobilenetv2, not of resnet18"):
        build_backbone("resnet18", weights=mobilenet_file, size_px=SIZE_PX)
    with pytest.raises(TrainingError, match="known to hold values of torchvision: leave --weights-style away"):
        build_backbone("mobilenetv2", weights=mobilenet_file, size_px=SIZE_PX, weights_style="keras")


def test_without_a_file_the_first_style_holds() -> None:
    """From nothing, MobileNetV2 is normalised as the shipped classifier is; a style that exists may be chosen."""
    possible = ("torchvision", "keras")

    assert decide_style("mobilenetv2", None, asked=None, possible=possible) == "torchvision"
    assert decide_style("mobilenetv2", None, asked="keras", possible=possible) == "keras"
    with pytest.raises(TrainingError, match="vit has no weights of the style 'torchvision': choose keras"):
        decide_style("vit", None, asked="torchvision", possible=("keras",))


def test_an_unknown_file_of_one_possible_style_needs_no_word(tmp_path: Path) -> None:
    """ResNet50 exists in one way only, so an own file of it is taken as that."""
    path = tmp_path / "own.weights.h5"
    path.write_bytes(b"anything")

    assert decide_style("resnet50", path, asked=None, possible=("keras",)) == "keras"


@pytest.mark.slow
def test_weights_for_bgr_meet_rgb(tmp_path: Path) -> None:
    """ResNet50's file wants blue first; the network takes red first and computes the same."""
    original = stock.build_resnet50(SIZE_PX)
    path = tmp_path / "own.weights.h5"
    original.save_weights(path)
    rgb = np.random.default_rng(0).uniform(-100, 100, (2, SIZE_PX, SIZE_PX, 3)).astype(np.float32)

    network = build_backbone("resnet50", weights=path, size_px=SIZE_PX).network

    expected = np.asarray(original(rgb[..., ::-1].copy()))
    assert np.allclose(np.asarray(network(rgb)), expected, rtol=1e-4, atol=1e-4)
    assert not np.allclose(np.asarray(original(rgb)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "file_name", "content"),
    [
        ("resnet18", "broken.weights.h5", b"no HDF5"),
        ("resnet18", "other.weights.h5", None),
        ("resnet18", "weights.bin", b"no such format"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(name: str, file_name: str, content: bytes | None, tmp_path: Path) -> None:
    """A broken file, another network's and another format are named, without Keras' traceback."""
    path = tmp_path / file_name
    if content is None:
        build_backbone("tiny", weights=None, size_px=SIZE_PX).network.save_weights(path)
    else:
        path.write_bytes(content)

    with pytest.raises(TrainingError, match=rf"{file_name} does not fit the network '{name}'.*leave --weights away"):
        build_backbone(name, weights=path, size_px=SIZE_PX)


def test_a_file_that_holds_a_part_only_is_refused(tmp_path: Path) -> None:
    """Layers that would keep their random start make the file one that does not fit."""
    whole = build_backbone("vit", weights=None, size_px=SIZE_PX).network
    path = tmp_path / "part.weights.h5"
    keras.Model(whole.inputs[0], whole.get_layer("block_6").output).save_weights(path)

    with pytest.raises(TrainingError, match=r"part\.weights\.h5 does not fit the network 'vit'"):
        build_backbone("vit", weights=path, size_px=SIZE_PX)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the message."""
    with pytest.raises(TrainingError, match=r"no weights file at .*none\.h5"):
        build_backbone("mobilenetv2", weights=tmp_path / "none.h5", size_px=SIZE_PX)


@pytest.mark.parametrize("name", ["tiny", "small_cnn"])
def test_networks_that_start_from_nothing_take_no_weights(name: str, tmp_path: Path) -> None:
    """There are no weights files for them."""
    with pytest.raises(TrainingError, match="starts from nothing: leave --weights away"):
        build_backbone(name, weights=tmp_path / "any.h5", size_px=SIZE_PX)
