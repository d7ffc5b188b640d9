"""Two classifiers' verdicts side by side."""

from cli.comparing import Side, compare_to_json, count_missing, side_of
from db.comparing import ComparedVideo, Judgement
from db.registry import RegisteredClassifier


def side(real_below: float, fake_from: float) -> Side:
    """A classifier with these thresholds."""
    manifest = {"name": "n", "version": "v", "thresholds": {"mean": {"real_below": real_below, "fake_from": fake_from}}}
    classifier = RegisteredClassifier(
        id=1,
        name="n",
        version="v",
        sha256="aa",
        path="/n",
        manifest=manifest,
        is_active=True,
        created_at=0.0,
        activated_at=None,
    )
    return side_of(classifier, "mean")


def video(
    first: float | str | None, second: float | str | None, *, video_id: int = 1, label: str | None = None
) -> ComparedVideo:
    """A video by its two scores, or states."""

    def judgement(value: float | str | None) -> Judgement | None:
        if value is None:
            return None
        return Judgement(value, None) if isinstance(value, str) else Judgement("judged", value)

    return ComparedVideo(b"/v.mp4", video_id, "bb", (judgement(first), judgement(second)), label)


def test_a_flip_is_another_verdict_by_the_own_thresholds() -> None:
    """The same score may be fake for one and real for the other; different scores may mean the same."""
    videos = [video(0.5, 0.5), video(0.9, 0.95), video(0.2, 0.9), video(0.9, "no_face")]

    told = compare_to_json(videos, (side(0.3, 0.4), side(0.6, 0.8)))

    assert [row["flips"] for row in told["videos"]] == [True, False, True, True]
    assert told["videos"][0]["a"] == {"state": "judged", "score": 0.5, "verdict": "fake", "is_stored": True}
    assert told["videos"][0]["b"]["verdict"] == "real"
    assert told["videos"][3]["b"] == {"state": "no_face", "score": None, "verdict": None, "is_stored": True}
    assert told["counts"] == {"compared": 4, "flips": 3, "left_out": 0}
    assert told["matrix"] == {
        "fake": {"fake": 1, "real": 1, "no_face": 1},
        "real": {"fake": 1, "real": 0, "no_face": 0},
        "no_face": {"fake": 0, "real": 0, "no_face": 0},
    }


def test_what_one_never_judged_is_left_out() -> None:
    """Nothing is compared with nothing."""
    told = compare_to_json([video(0.9, None), video(None, None), video(0.9, 0.9)], (side(0.3, 0.4), side(0.3, 0.4)))

    assert told["counts"] == {"compared": 1, "flips": 0, "left_out": 2}


def test_missing_judgements_are_counted_by_content() -> None:
    """Two paths of one content are judged once for each classifier."""
    videos = [video(0.9, None), video(0.9, None), video(None, None, video_id=2)]

    assert count_missing(videos) == 3


def test_reviewers_tell_who_is_right() -> None:
    """A verdict agrees with a label or it does not; what is uncertain agrees with none."""
    videos = [video(0.9, 0.1, label="fake"), video(0.5, 0.9, label="fake"), video(0.9, 0.9)]

    told = compare_to_json(videos, (side(0.3, 0.8), side(0.3, 0.8)))

    assert told["reviewed"] == {"videos": 2, "a_is_right": 1, "b_is_right": 1}
