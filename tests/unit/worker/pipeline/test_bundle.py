"""A bundle is used whole and unaltered, or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bundles import build_bundle, write_manifest
from worker.pipeline.bundle import read_manifest, verify_bundle
from worker.pipeline.errors import BundleError
from worker.pipeline.manifest import Manifest


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A whole bundle."""
    return build_bundle(tmp_path / "bundle")


def _found(bundle: Path) -> Any:
    return json.loads((bundle / "manifest.json").read_text())


def test_a_whole_bundle_gives_its_manifest(bundle: Path) -> None:
    """What is read is what was written, and can be written again."""
    manifest = verify_bundle(bundle)

    assert (manifest.name, manifest.version, manifest.input_size_px) == ("fakesweep-red", "2026.1.1", 224)
    assert manifest.calibration["mean"].slope == 1.0
    assert manifest.thresholds["image"]["fake_from"] == 0.6
    assert manifest.to_json() == _found(bundle)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_scale_of_heat_maps_may_be_said(bundle: Path) -> None:
    """A bundle may tell how much heat is much; one that is no scale is refused."""
    assert verify_bundle(bundle).heat_span is None

    write_manifest(bundle, {"heat_span_logits": 2.5})

    assert verify_bundle(bundle).heat_span == 2.5
    assert verify_bundle(bundle).to_json() == _found(bundle)
    for wrong in (0, -1.0, "much"):
        write_manifest(bundle, {"heat_span_logits": wrong})
        with pytest.raises(BundleError, match="heat_span_logits must be"):
            verify_bundle(bundle)


@pytest.mark.parametrize("name", ["classifier.keras", "classifier.xml", "classifier.bin", "card.md"])
def test_an_altered_file_is_refused(bundle: Path, name: str) -> None:
    """The message names the file, both hashes and the next step."""
    with (bundle / name).open("ab") as file:
        file.write(b"x")

    with pytest.raises(BundleError, match=rf"{name} is altered \(sha256 [0-9a-f]{{12}}, .* [0-9a-f]{{12}}\): train or"):
        verify_bundle(bundle)


def test_a_missing_file_is_named(bundle: Path) -> None:
    """A half-copied bundle is not used."""
    (bundle / "classifier.bin").unlink()

    with pytest.raises(BundleError, match=r"lacks classifier\.bin"):
        verify_bundle(bundle)


def test_a_network_without_a_hash_is_refused(bundle: Path) -> None:
    """What would be loaded must be vouched for."""
    manifest = _found(bundle)
    del manifest["files"]["classifier.bin"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(BundleError, match=r"gives no hash for classifier\.bin"):
        verify_bundle(bundle)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/file", "..", ".", "", "a\\b", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(bundle: Path, name: str) -> None:
    """A bundle from a stranger makes nobody read other files."""
    manifest = _found(bundle)
    manifest["files"][name] = "0" * 64
    (bundle / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(BundleError, match="outside of the bundle"):
        verify_bundle(bundle)


def test_another_preprocessing_is_refused(bundle: Path) -> None:
    """A network judges only the crops that it learned from."""
    write_manifest(bundle, {"preprocessing_version": 99})

    with pytest.raises(BundleError, match="made for preprocessing 99, this fakesweep has 1"):
        verify_bundle(bundle)


def test_another_detector_is_refused(bundle: Path) -> None:
    """Other boxes make other crops."""
    write_manifest(bundle, {"detector": {"name": "haar", "sha256": "0" * 64}})

    with pytest.raises(BundleError, match=r"face detector haar \(sha256 000000000000\).* centerface"):
        verify_bundle(bundle)


def test_an_absent_bundle_names_the_next_step(tmp_path: Path) -> None:
    """The message says how to get one."""
    with pytest.raises(BundleError, match=r"no classifier at .*run `fakesweep train`, or set FAKESWEEP_CLASSIFIER"):
        read_manifest(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "format is 2"),
        ({"format": True}, "format must be a whole number"),
        ({"colour_order": "BGR"}, "colour_order is 'BGR'"),
        ({"input_size_px": 0}, "input_size_px must be in 1"),
        ({"crop_margin": float("nan")}, "crop_margin must be positive"),
        ({"crop_margin": "1.3"}, "crop_margin must be a number"),
        ({"name": 7}, "name must be a text"),
        ({"files": ["classifier.xml"]}, "files must be an object"),
        ({"files": {"classifier.xml": "abc"}}, "has no SHA-256"),
        ({"calibration": {"face": {"slope": 1, "intercept": 0}}}, "calibration has nothing for mean"),
        ({"calibration": {"face": {"slope": -1, "intercept": 0}}}, "positive slope"),
        ({"thresholds": {}}, "thresholds has nothing for mean"),
        ({"thresholds": {"mean": {"real_below": 0.5}}}, "thresholds has nothing|fake_from is missing"),
        ({"detector": {}}, "name is missing"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(bundle: Path, changes: dict[str, Any], said: str) -> None:
    """The message says which field is wrong."""
    write_manifest(bundle, changes)

    with pytest.raises(BundleError, match=said):
        read_manifest(bundle)


def test_thresholds_must_be_in_order(bundle: Path) -> None:
    """What is surely real cannot lie above what is surely fake."""
    manifest = _found(bundle)
    manifest["thresholds"]["mean"].update(real_below=0.7, fake_from=0.6)
    (bundle / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(BundleError, match="thresholds of 'mean' must satisfy"):
        read_manifest(bundle)


@pytest.mark.parametrize("content", [b"", b"not json", b"\xff\xfe", b"[]", b"null", b"[" * 100_000])
def test_a_manifest_that_is_no_document_is_refused(bundle: Path, content: bytes) -> None:
    """Whatever lies there, the message is one for people."""
    (bundle / "manifest.json").write_bytes(content)

    with pytest.raises(BundleError, match="no manifest that this version understands"):
        read_manifest(bundle)
