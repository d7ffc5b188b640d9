"""Networks calculate less exactly only where that was found to change nothing that matters."""

from pathlib import Path

import numpy as np
import pytest

from tests.bundles import build_bundle
from worker.pipeline.classifier import load_classifier
from worker.pipeline.errors import BundleError
from worker.pipeline.openvino_network import processor_capabilities
from worker.pipeline.precision import MeasuredPrecision, choose_precision, detector_precision

GOOD = MeasuredPrecision(logit_shift=0.1, score_gap_mean=0.004, score_gap_max=0.05, verdict_agreement=0.99, faces=300)
BAD = MeasuredPrecision(logit_shift=0.1, score_gap_mean=0.02, score_gap_max=0.2, verdict_agreement=0.96, faces=300)
ALL_UNITS = ("FP32", "BF16", "INT8")


@pytest.mark.parametrize(
    ("measured", "units", "expected"),
    [
        ({"bfloat16": GOOD, "int8": GOOD}, ALL_UNITS, "bfloat16"),
        ({"bfloat16": GOOD, "int8": GOOD}, ("FP32", "INT8"), "int8"),
        ({"bfloat16": BAD, "int8": GOOD}, ALL_UNITS, "int8"),
        ({"bfloat16": GOOD, "int8": BAD}, ("FP32", "INT8"), "float32"),
        ({"bfloat16": GOOD}, ("FP32",), "float32"),
        ({}, ALL_UNITS, "float32"),
    ],
)
def test_auto_takes_the_fastest_that_was_accepted(
    measured: dict[str, MeasuredPrecision], units: tuple[str, ...], expected: str
) -> None:
    """Only what the bundle measured and the processor has units for; else float32."""
    assert choose_precision("auto", measured, units) == expected


def test_a_precision_may_be_insisted_on() -> None:
    """By name one gets what is there, accepted or not, and an error that names the setting where it is not."""
    assert choose_precision("int8", {"int8": BAD}, ALL_UNITS) == "int8"
    assert choose_precision("float32", {"int8": GOOD}, ALL_UNITS) == "float32"
    with pytest.raises(BundleError, match="FAKESWEEP_PRECISION is bfloat16, for which this processor has no units"):
        choose_precision("bfloat16", {"bfloat16": GOOD}, ("FP32",))
    with pytest.raises(BundleError, match="was not made for"):
        choose_precision("int8", {}, ALL_UNITS)


def test_scores_decide_over_acceptance() -> None:
    """Accepted is a mean gap of at most 0.01 with at least 98 % of the verdicts kept."""
    assert GOOD.is_accepted
    assert not BAD.is_accepted
    assert not MeasuredPrecision(0.0, 0.001, 0.01, 0.97, 300).is_accepted


def test_the_detector_is_in_bfloat16_where_there_are_units() -> None:
    """float32 is kept where it is insisted on."""
    assert detector_precision("auto", ALL_UNITS) == "bfloat16"
    assert detector_precision("float32", ALL_UNITS) == "float32"
    assert detector_precision("auto", ("FP32", "INT8")) == "float32"


def test_the_measured_shift_is_added(tmp_path: Path) -> None:
    """What a precision moves all logits by is put right when crops are judged, and float32 is left alone."""
    shifted = {"int8": {**GOOD.to_json(), "logit_shift": 0.5}}
    bundle = build_bundle(tmp_path / "bundle", int8=True, precisions=shifted)
    crops = np.full((1, 224, 224, 3), (255, 0, 0), np.uint8)

    in_int8 = load_classifier(bundle, device="cpu", precision="int8")
    exact = load_classifier(bundle, device="cpu")

    assert (in_int8.precision, exact.precision) == ("int8", "float32")
    assert in_int8.judge(crops).logits == pytest.approx([10.5], abs=1e-4)
    assert exact.judge(crops).logits == pytest.approx([10.0], abs=1e-4)


def test_auto_on_this_processor_is_what_it_can(tmp_path: Path) -> None:
    """The processor is asked; the judgement is the same within the precision."""
    bundle = build_bundle(tmp_path / "bundle", precisions={"bfloat16": {**GOOD.to_json(), "logit_shift": 0.0}})
    crops = np.full((1, 224, 224, 3), (255, 0, 0), np.uint8)

    found = load_classifier(bundle, device="cpu", precision="auto")

    assert found.precision == ("bfloat16" if "BF16" in processor_capabilities() else "float32")
    assert found.judge(crops).logits == pytest.approx([10.0], rel=0.01)


def test_the_int8_network_is_bound_by_hash(tmp_path: Path) -> None:
    """A bundle that tells of int8 must hold it, unaltered."""
    bundle = build_bundle(tmp_path / "bundle", int8=True, precisions={"int8": GOOD.to_json()})
    (bundle / "classifier-int8.bin").write_bytes(b"another")

    with pytest.raises(BundleError, match=r"classifier-int8\.bin is altered"):
        load_classifier(bundle, device="cpu")
    with pytest.raises(BundleError, match=r"gives no hash for classifier-int8\.xml"):
        load_classifier(build_bundle(tmp_path / "without", precisions={"int8": GOOD.to_json()}), device="cpu")
