"""The page of an evaluation stands alone, says what was measured, and trusts no name."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bundles import build_bundle
from tests.unit.training.judged import judged_file
from training.evaluation import Evaluation, FeatureMap
from training.evaluation_faces import shown_name
from training.evaluation_page import render_page
from training.faces_shown import ShownFace
from training.judging import score_files
from training.measuring import Scored, figures_of
from training.metrics import rounded
from training.robustness import robustness_table
from worker.pipeline.bundle import read_manifest

_EMPTY = {"meta", "img", "br", "line", "polyline", "polygon", "circle", "rect"}
NASTY = "<img src=x onerror=alert(1)>.png"


class _Reader(HTMLParser):
    """Notes every element, and that each is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in _EMPTY or (tag not in {"meta", "img", "br"} and "/>" not in (self.get_starttag_text() or "")):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader


def _swapped() -> dict[str, Any]:
    return {
        "auc": 0.625,
        "intervals": {"auc": (0.5, 0.75)},
        "auc_change": -0.25,
        "auc_change_interval": (-0.3, -0.1),
        "mean_score_real": 0.4,
        "mean_score_fake": 0.45,
    }


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Twelve pictures with all that a page can show, one with a nasty name."""
    training: dict[str, Any] = {
        "sources": {"real drawn": 3},
        "curves": [{"run": "<b>kept</b>", "epoch": n, "loss": 1 / n} for n in (1, 2, 3)],
    }
    manifest = read_manifest(build_bundle(tmp_path_factory.mktemp("page") / "bundle", training=training))
    files = [judged_file(f"real-{n}.png", "real", -3.0 + n) for n in range(6)]
    files += [judged_file(f"fake-{n}.png", "fake", 3.0 - n, source="<i>gan</i>") for n in range(5)]
    files += [judged_file(NASTY, "fake", -5.0)]
    scored: Scored = score_files(files, manifest.calibration)["image"]
    figures = {
        "classifier": {"name": "fakesweep-<red>", "version": "1"},
        "material": ["/data/<faces>"],
        "frames": 16,
        "coverage": 12 / 13,
        "coverage_by_class": {"real image": {"files": 7, "judged": 6}, "fake image": {"files": 6, "judged": 6}},
        "learnt_from": ["real drawn"],
        "skipped": [{"path": "/data/\udcff<u>.png", "why": "no face found"}],
        "image": figures_of(scored, thresholds=manifest.thresholds["image"]),
        "robustness": robustness_table({"clean": {"image": scored}, "jpeg 60": {"image": scored}}),
        "swapped": {"image": {"<codec>": _swapped()}},
    }
    heat = np.linspace(-9, 9, 49, dtype=np.float32).reshape(7, 7)
    faces = [
        ShownFace("fake, taken for real", files[11], 0.01, np.full((224, 224, 3), 90, np.uint8), heat),
        ShownFace("real, surely", files[0], 0.05, np.full((224, 224, 3), 90, np.uint8), None),
    ]
    laid = FeatureMap(np.random.default_rng(0).random((12, 2)), [file.item for file in files])
    return Evaluation(rounded(figures), manifest, {"image": scored}, faces, laid)


def test_the_page_needs_nothing_but_itself(evaluation: Evaluation) -> None:
    """No address, no script, no handler: every picture is in the page."""
    page = render_page(evaluation)

    reader = _read(page)
    assert re.search(r"https?://", page) is None
    assert "@import" not in page
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in reader.found}
    attributes = {name: value for _, found in reader.found for name, value in found.items()}
    assert not [name for name in attributes if name.startswith("on")]
    sources = [found["src"] for tag, found in reader.found if tag == "img"]
    assert len(sources) == 4
    assert all(source and source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all((found.get("href") or "#").startswith("#") for _, found in reader.found)


def test_the_markup_is_whole(evaluation: Evaluation) -> None:
    """Every element ends where it should, and every link leads to a section."""
    reader = _read(render_page(evaluation))

    assert reader.faults == []
    assert reader.open == []
    identities = {found["id"] for _, found in reader.found if "id" in found}
    assert {f"#{name}" for name in identities} == {found["href"] for tag, found in reader.found if tag == "a"}


def test_names_are_shown_and_never_obeyed(evaluation: Evaluation) -> None:
    """Files, sources, runs, directories and classifiers may be called anything."""
    page = render_page(evaluation)

    assert "onerror=alert(1)&gt;.png" in page
    for markup in ("<codec>", "<img src=x", "<i>gan", "<b>kept", "<faces>", "<red>", "<u>.png"):
        assert markup not in page
    assert "\N{REPLACEMENT CHARACTER}&lt;u&gt;.png" in page


def test_every_plot_and_figure_is_there(evaluation: Evaluation) -> None:
    """What was measured is shown with its interval, and what was not is said."""
    page = render_page(evaluation)

    titles = ("ROC curve", "DET curve", "Reliability", "Scores", "Confusion matrix", "By class", "By source", "Loss")
    assert not [title for title in titles if f"<h3>{title}</h3>" not in page]
    figures = evaluation.figures["image"]
    low, high = figures["intervals"]["auc"]
    assert f"<td>{figures['auc']:.3f}<small>{low:.3f} to {high:.3f}</small></td>" in page
    assert "There are no videos that could be judged." in page
    assert "1 of these sources is among those that the classifier learnt from" in " ".join(page.split())
    assert "needs 300 real examples, here are 6: left out" in page
    assert "<td>0.625<small>0.500 to 0.750</small></td><td>−0.250<small>−0.300 to −0.100</small></td>" in page


def _without(evaluation: Evaluation, *names: str) -> dict[str, Any]:
    return {name: value for name, value in evaluation.figures.items() if name not in names}


def test_a_page_of_one_class_shows_what_there_is(evaluation: Evaluation) -> None:
    """No ranking, but scores and verdicts; the rest says why it is missing."""
    reals = evaluation.scored["image"].take(evaluation.scored["image"].truth == 0)
    limits = evaluation.manifest.thresholds["image"]
    figures = {
        **_without(evaluation, "swapped"),
        "image": rounded(figures_of(reals, thresholds=limits)),
        "robustness": rounded(robustness_table({"clean": {"image": reals}, "jpeg 60": {"image": reals}})),
    }

    page = render_page(Evaluation(figures, evaluation.manifest, {"image": reals}))

    assert "<h3>ROC curve</h3>" not in page
    assert "<h3>Scores</h3>" in page
    assert "With one class there is nothing to rank." in page
    assert "No face to show." in page
    assert "No map:" in page


def test_a_page_without_pictures_robustness_and_curves(evaluation: Evaluation, tmp_path: Path) -> None:
    """Videos alone, measured quickly, of a bundle that tells nothing of its training."""
    manifest = read_manifest(build_bundle(tmp_path / "plain"))
    files = [judged_file(f"{n}.mp4", "real" if n < 2 else "fake", n - 2.0, kind="video") for n in range(4)]
    found = score_files(files, manifest.calibration)
    figures = {
        **_without(evaluation, "image", "robustness", "swapped"),
        "frame": figures_of(found["frame"]),
        "video": {name: figures_of(one, thresholds=manifest.thresholds[name]) for name, one in found["video"].items()},
    }
    scored = {"frame": found["frame"], "video": found["video"]["mean"]}

    page = render_page(Evaluation(rounded(figures), manifest, scored))

    assert "There are no pictures that could be judged." in page
    assert "Videos under every aggregation" in page
    assert "--no-robustness" in page
    assert "holds no learning curves" in page
    assert _read(page).faults == []


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (Path("a b.png"), "a b.png"),
        (Path("a\udcff.png"), "a\ufffd.png"),
        (Path("a\u202egnp.exe\n"), "a\ufffdgnp.exe\ufffd"),
    ],
)
def test_names_that_steer_a_display_are_disarmed(path: str, shown: str) -> None:
    """Bytes that are no text and signs without a shape become a replacement character."""
    assert shown_name(Path(path)) == shown
