"""The last features of a bundle's network, and their map."""

from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from tests.bundles import SIZE_PX, write_openvino
from training.features import FeatureNetwork, lay_out


def test_features_are_what_enters_the_head(tmp_path: Path) -> None:
    """The drawn network averages colours before its head: its features are a crop's mean red, green and blue."""
    write_openvino(tmp_path / "network.xml")
    network = FeatureNetwork(tmp_path / "network.xml", size_px=SIZE_PX, threads=1)
    crops = np.zeros((11, SIZE_PX, SIZE_PX, 3), np.uint8)
    crops[:, :, : SIZE_PX // 2] = (200, 100, 50)
    crops[10] = 7

    found = network.run(crops)

    assert network.is_usable
    assert found.shape == (11, 3)
    assert np.allclose(found[:10], (100, 50, 25), atol=0.01)
    assert np.allclose(found[10], 7, atol=0.01)


def test_a_network_without_such_a_head_has_no_features(tmp_path: Path) -> None:
    """Nothing is taken for features that is none."""
    pixels = ops.parameter([-1, 8, 8, 3], np.float32, name="pixels")
    heat = ops.reduce_mean(pixels, ops.constant([3]))
    logit = ops.reduce_mean(heat, ops.constant([1, 2]))
    heat.output(0).set_names({"heat_map"})
    logit.output(0).set_names({"logit"})
    openvino.save_model(openvino.Model([heat, logit], [pixels], "plain"), tmp_path / "network.xml")

    assert not FeatureNetwork(tmp_path / "network.xml", size_px=8, threads=1).is_usable


@pytest.mark.slow
def test_what_is_alike_lies_together() -> None:
    """Two heaps far apart in 20 dimensions stay two heaps on the plane, and the same seed gives the same map."""
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0, 1, (30, 20)), rng.normal(8, 1, (30, 20))])

    points = lay_out(features)

    assert points.shape == (60, 2)
    assert points.min() == 0.0
    assert points.max() == 1.0
    middles = points[:30].mean(axis=0), points[30:].mean(axis=0)
    spread = max(points[:30].std(axis=0).max(), points[30:].std(axis=0).max())
    assert np.linalg.norm(middles[0] - middles[1]) > 3 * spread
    assert np.array_equal(points, lay_out(features))


def test_features_that_are_all_alike_are_no_error() -> None:
    """Every point lies in the middle."""
    assert (lay_out(np.ones((12, 4))) == 0.5).all()


def test_too_few_points_make_no_map() -> None:
    """Neighbours need company."""
    with pytest.raises(ValueError, match="needs 10 points, got 9"):
        lay_out(np.zeros((9, 4)))
