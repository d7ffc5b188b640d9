"""Crops go into the network as they were cut, and come out as logits and heat maps."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bundles import build_bundle, write_manifest
from worker.pipeline.classifier import Classifier, load_classifier
from worker.pipeline.errors import BundleError
from worker.pipeline.gpu import may_have_gpu
from worker.pipeline.keras_classifier import KerasNetwork
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that takes red for fake."""
    return build_bundle(tmp_path_factory.mktemp("bundles") / "red")


@pytest.fixture(scope="module")
def classifier(bundle: Path) -> Classifier:
    """It, loaded for the processor."""
    return load_classifier(bundle, device="cpu")


def _crops(*colours: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.stack([np.full((224, 224, 3), colour, np.uint8) for colour in colours])


def test_a_red_face_arrives_red(classifier: Classifier) -> None:
    """From the frame through the crop into the network, the channels keep their order."""
    frame = np.full((300, 300, 3), (255, 0, 0), np.uint8)

    judgement = classifier.judge(crop_face(frame, Box(100, 100, 80, 100), size_px=224)[None])

    assert judgement.logits == pytest.approx([10.0], abs=1e-4)


def test_each_crop_has_its_own_logit(classifier: Classifier) -> None:
    """More crops than one batch holds keep their order."""
    crops = _crops(*[(level, 0, 0) for level in range(0, 250, 10)])

    judgement = classifier.judge(crops)

    assert len(crops) > classifier.batch_size
    assert judgement.logits == pytest.approx([level / 25.5 for level in range(0, 250, 10)], abs=1e-4)
    assert judgement.logits.dtype == np.float64


def test_heat_maps_say_where(classifier: Classifier) -> None:
    """A crop that is red in its left half is hot there alone, and the logit is the mean heat."""
    crop = np.zeros((1, 224, 224, 3), np.uint8)
    crop[:, :, :96, 0] = 255

    judgement = classifier.judge(crop)

    assert judgement.heat_maps is not None
    assert judgement.heat_maps.shape == (1, 7, 7)
    assert judgement.heat_maps[0, :, :3] == pytest.approx(np.full((7, 3), 10.0), abs=1e-4)
    assert judgement.heat_maps[0, :, 3:] == pytest.approx(np.zeros((7, 4)), abs=1e-4)
    assert judgement.logits[0] == pytest.approx(judgement.heat_maps[0].mean(), abs=1e-4)


def test_a_judgement_stays_when_the_next_is_made(classifier: Classifier) -> None:
    """The engine's memory is its own."""
    first = classifier.judge(_crops((255, 0, 0)))
    classifier.judge(_crops((0, 0, 255)))

    assert first.logits == pytest.approx([10.0], abs=1e-4)
    assert first.heat_maps is not None
    assert first.heat_maps.min() == pytest.approx(10.0, abs=1e-4)


def test_no_crops_give_no_logits(classifier: Classifier) -> None:
    """A video without faces asks nothing."""
    assert classifier.judge(np.empty((0, 224, 224, 3), np.uint8)).logits.shape == (0,)


@pytest.mark.parametrize("crops", [np.zeros((1, 200, 200, 3), np.uint8), np.zeros((1, 224, 224, 3), np.float32)])
def test_crops_of_another_shape_or_type_are_refused(classifier: Classifier, crops: NDArray[np.uint8]) -> None:
    """What the network did not learn from is never judged silently."""
    with pytest.raises(ValueError, match=r"crops must be \(n, 224, 224, 3\) of uint8"):
        classifier.judge(crops)


def test_processors_judge_with_openvino(classifier: Classifier) -> None:
    """The runtime is stored with every scan."""
    assert classifier.runtime == "openvino"


def test_an_altered_bundle_is_not_loaded(tmp_path: Path) -> None:
    """Loading verifies."""
    directory = build_bundle(tmp_path / "bundle")
    (directory / "classifier.bin").write_bytes(b"")

    with pytest.raises(BundleError, match="altered"):
        load_classifier(directory, device="cpu")


def test_a_network_that_is_no_classifier_is_refused(tmp_path: Path) -> None:
    """A bundle whose hashes fit may still hold another network."""
    directory = build_bundle(tmp_path / "bundle")
    text = (directory / "classifier.xml").read_text()
    (directory / "classifier.xml").write_text(
        text.replace('"logit"', '"other"').replace('names="logit', 'names="other')
    )
    write_manifest(directory)

    with pytest.raises(BundleError, match="is no classifier"):
        load_classifier(directory, device="cpu")


def test_a_network_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The message names the file."""
    directory = build_bundle(tmp_path / "bundle")
    (directory / "classifier.xml").write_text("<net/>")
    write_manifest(directory)

    with pytest.raises(BundleError, match=r"classifier\.xml is no network"):
        load_classifier(directory, device="cpu")


@pytest.mark.slow
def test_both_engines_give_the_same_judgement(tmp_path: Path, classifier: Classifier) -> None:
    """A GPU's scores are a processor's scores, for full and for partly filled batches."""
    directory = build_bundle(tmp_path / "bundle", with_keras=True)
    network = KerasNetwork(directory / "classifier.keras", size_px=224)
    on_tensorflow = Classifier(classifier.manifest, runtime="tensorflow", network=network)
    crops = np.random.default_rng(3).integers(0, 256, (network.batch_size + 5, 224, 224, 3)).astype(np.uint8)

    expected, found = classifier.judge(crops), on_tensorflow.judge(crops)

    assert found.logits == pytest.approx(expected.logits, abs=1e-3)
    assert found.heat_maps is not None
    assert expected.heat_maps is not None
    assert found.heat_maps == pytest.approx(expected.heat_maps, abs=1e-3)


@pytest.mark.slow
def test_a_keras_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    """A Lambda layer is code of whoever made the file."""
    import keras  # noqa: PLC0415 - TensorFlow takes seconds

    pixels = keras.Input((8, 8, 3))
    keras.Model(pixels, {"logit": keras.layers.Lambda(lambda x: x)(pixels)}).save(tmp_path / "classifier.keras")

    with pytest.raises(BundleError, match="cannot be loaded"):
        KerasNetwork(tmp_path / "classifier.keras", size_px=8)


def test_a_gpu_is_looked_for_without_an_engine(tmp_path: Path) -> None:
    """A device file or the driver's tool is a hint; hidden GPUs are none."""
    (tmp_path / "dev").mkdir()
    assert not may_have_gpu({"PATH": ""}, devices=tmp_path / "dev")

    (tmp_path / "dev" / "nvidia0").touch()
    assert may_have_gpu({"PATH": ""}, devices=tmp_path / "dev")
    assert not may_have_gpu({"PATH": "", "CUDA_VISIBLE_DEVICES": "-1"}, devices=tmp_path / "dev")
    assert not may_have_gpu({"PATH": "", "CUDA_VISIBLE_DEVICES": ""}, devices=tmp_path / "dev")
    assert may_have_gpu({"PATH": "", "CUDA_VISIBLE_DEVICES": "0"}, devices=tmp_path / "dev")
