"""What `fakesweep train` makes of its options."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import training.train
from cli.train import command
from training.options import TrainOptions
from training.recipe import Recipe


def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[TrainOptions, int, str]:
    """The options that training is started with, the exit status and the output."""
    given: list[TrainOptions] = []
    monkeypatch.setattr(training.train, "train_classifier", lambda options, **_: given.append(options))
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(command, ["--data", str(tmp_path), "--cache", str(tmp_path / "cache"), *arguments])
    return (given or [None])[0], result.exit_code, result.output  # type: ignore[return-value]  # None after an error


def test_options_left_away_keep_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe is the package's own, and an interrupted run is gone on with."""
    options, status, _ = _run(tmp_path, monkeypatch)

    assert status == 0
    assert options.recipe == Recipe()
    assert (options.backbone, options.name) == ("mobilenetv2", "fakesweep-mobilenetv2")
    assert (options.is_fresh, options.makes_bundle, options.leave_one_out) == (False, True, False)


def test_every_option_reaches_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option is found where it works."""
    arguments = (
        "--backbone resnet18 --weights-style torchvision --optimizer sgd --epochs 3 --rate 0.01 --batch 16 --unfreeze 2"
        " --mixup 0.2 --smoothing 0.1 --class-weights 1,2 --precision float32 --leave-one-out --no-final --fresh"
        " --rows 64 --validation 0.1 --patience 4 --blended 0.5 --crossed 0.25 --without h264 --without noise"
        " --seed 7 --views 3 --matched a b --measure-only c --exclude d"
    )

    options, status, output = _run(tmp_path, monkeypatch, *arguments.split())

    assert status == 0, output
    expected: dict[str, Any] = {
        "optimizer": "sgd", "epochs": 3, "rate": 0.01, "batch": 16, "unfreeze": 2, "mixup": 0.2, "smoothing": 0.1,
        "class_weights": (1.0, 2.0), "precision": "float32", "rows_per_epoch": 64, "validation_share": 0.1,
        "patience": 4, "blended_share": 0.5, "crossed_share": 0.25, "without": ("h264", "noise"), "seed": 7,
    }  # fmt: skip
    assert {name: getattr(options.recipe, name) for name in expected} == expected
    assert (options.backbone, options.weights_style, options.name) == ("resnet18", "torchvision", "fakesweep-resnet18")
    assert (options.leave_one_out, options.makes_bundle, options.is_fresh) == (True, False, True)
    assert (options.views.degraded, options.views.seed) == (3, 7)
    assert (options.matched, options.measured_only, options.excluded) == ((("a", "b"),), ("c",), ("d",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--unfreeze", "some"), "'some' is not a valid integer range"),
        (("--class-weights", "heavy"), "'heavy' is neither on, off, nor two numbers such as 1,2"),
        (("--class-weights", "1,0"), "class_weights must be 'equal', 'found' or two positive numbers"),
        (("--batch", "7"), "batch must be even"),
    ],
)
def test_wrong_values_are_answered_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    """A mistake is named with its value, without a traceback."""
    options, status, output = _run(tmp_path, monkeypatch, *arguments)

    assert options is None
    assert status in (1, 2)
    assert message in output


@pytest.mark.parametrize(("given", "expected"), [("on", "equal"), ("off", "found")])
def test_class_weights_are_on_or_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    """On shows both classes alike, off shows them as they are found."""
    options, _, _ = _run(tmp_path, monkeypatch, "--class-weights", given)

    assert options.recipe.class_weights == expected


def test_an_interruption_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the run, and the message says that repeating it goes on."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training.train, "train_classifier", interrupt)
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path / "home"))

    result = CliRunner().invoke(command, ["--data", str(tmp_path)])

    assert result.exit_code != 0
    assert "the same command goes on where this one stopped" in result.output
