"""A bundle learns what int8 and bfloat16 do to its scores."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from openvino import opset13 as ops
from skimage import data, io

from cli.classifiers_quantise import command
from tests.bundles import build_bundle, write_manifest
from training.bundle import add_precisions
from training.errors import TrainingError
from worker.pipeline.bundle import read_manifest, verify_bundle
from worker.pipeline.classifier import load_classifier

SIZE_PX = 224


def _write_convolutions(path: Path) -> None:
    """A network with something to quantise: two convolutions, then the mean of the heat."""
    rng = np.random.default_rng(5)
    pixels = ops.parameter([-1, SIZE_PX, SIZE_PX, 3], np.float32, name="pixels")
    planes = ops.divide(ops.transpose(pixels, ops.constant([0, 3, 1, 2])), ops.constant(np.float32(255)))
    first = ops.constant(rng.normal(0, 0.4, (16, 3, 3, 3)).astype(np.float32))
    seen = ops.relu(ops.convolution(planes, first, [8, 8], [1, 1], [1, 1], [1, 1]))
    second = ops.constant(rng.normal(0, 0.5, (1, 16, 1, 1)).astype(np.float32))
    heat = ops.squeeze(ops.convolution(seen, second, [1, 1], [0, 0], [0, 0], [1, 1]), ops.constant([1]))
    logit = ops.unsqueeze(ops.reduce_mean(heat, ops.constant([1, 2])), ops.constant([1]))
    results = []
    for name, value in (("logit", logit), ("heat_map", heat)):
        value.output(0).get_tensor().set_names({name})
        results.append(ops.result(value))
    openvino.save_model(openvino.Model(results, [pixels], "small"), path, compress_to_fp16=False)


def _bundle(directory: Path) -> Path:
    build_bundle(directory)
    _write_convolutions(directory / "classifier.xml")
    write_manifest(directory)
    return directory


def _crops(count: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(7)
    picture = data.astronaut()
    places = rng.integers(0, 512 - SIZE_PX, (count, 2))
    return np.stack([picture[y : y + SIZE_PX, x : x + SIZE_PX] for y, x in places]).astype(np.uint8)


@pytest.mark.slow
def test_a_bundle_gets_the_int8_network_and_what_it_does(tmp_path: Path) -> None:
    """The new bundle holds both networks by hash, tells the differences that judging shows, and the old one stays."""
    before = _bundle(tmp_path / "before")
    old_manifest = (before / "manifest.json").read_bytes()

    manifest = add_precisions(before, tmp_path / "after", _crops(64))

    assert (before / "manifest.json").read_bytes() == old_manifest
    assert verify_bundle(tmp_path / "after") == manifest
    measured = manifest.precisions["int8"]
    assert measured.faces == 32
    exact = load_classifier(tmp_path / "after", device="cpu").judge(_crops(64)[1::2]).logits
    found = load_classifier(tmp_path / "after", device="cpu", precision="int8").judge(_crops(64)[1::2]).logits
    scores = [np.array([manifest.calibration["image"].apply(x) for x in logits]) for logits in (exact, found)]
    assert 0 < np.abs(scores[0] - scores[1]).mean() == pytest.approx(measured.score_gap_mean, abs=2e-4)
    assert json.loads((tmp_path / "after" / "manifest.json").read_text())["precisions"]["int8"]["accepted"] is True


def test_few_faces_are_refused(tmp_path: Path) -> None:
    """Ranges that a handful of faces set would cut off what others need."""
    with pytest.raises(TrainingError, match="5 faces were found, at least 64 are needed"):
        add_precisions(_bundle(tmp_path / "before"), tmp_path / "after", _crops(5))
    assert not (tmp_path / "after").exists()


def test_the_command_tells_what_is_missing(tmp_path: Path) -> None:
    """One picture is not enough, and nothing is written."""
    io.imsave(tmp_path / "face.png", data.astronaut())
    bundle = _bundle(tmp_path / "before")

    ended = CliRunner().invoke(command, [str(bundle), str(tmp_path / "face.png"), "--output", str(tmp_path / "new")])

    assert ended.exit_code == 1
    assert "1 faces were found, at least 64 are needed" in ended.output
    assert not (tmp_path / "new").exists()
    assert read_manifest(bundle).precisions == {}


@pytest.mark.slow
def test_nothing_is_reported_home(tmp_path: Path) -> None:
    """NNCF and the converter would send events and keep an identity in the home directory; here they cannot."""
    program = (
        "import sys\n"
        "from worker.pipeline.openvino_network import load_openvino\n"
        "load_openvino()\n"
        "import nncf\n"
        "from nncf.telemetry.wrapper import NNCFTelemetryStub, telemetry\n"
        "from openvino.tools.ovc import telemetry_utils\n"
        "assert isinstance(telemetry, NNCFTelemetryStub), telemetry\n"
        "assert 'stub' in telemetry_utils.tm.__name__, telemetry_utils.tm\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()
