"""Every frame is the picture that its time says, on every codec and container, by either way of reaching it."""

from pathlib import Path

import pytest

from tests.clips import Drawn
from tests.drawing import MPEG2, RATE, RECIPES, X264_B, draw_video
from tests.reading import read_clip

HALF_INTERVAL_S = 0.5 / RATE + 1e-6
SECONDS = 4.0


@pytest.mark.parametrize("way", ["sequential", "seek"])
@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES])
def test_each_frame_is_the_one_asked_for(name: str, way: str, drawn: Drawn) -> None:
    """The picture shows its own time's number, and lies within half a frame interval of the wanted time."""
    reading = read_clip(drawn(name), frames=8, way=way)

    wanted_s = reading.plan.wanted_s or [SECONDS * (index + 0.5) / 8 for index in range(8)]
    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx(wanted_s, abs=HALF_INTERVAL_S)
    assert reading.report.warnings == []


@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES])
def test_chosen_way_keeps_spread_even(name: str, drawn: Drawn) -> None:
    """By the cheapest way too, gaps stay between half and one and a half slices."""
    reading = read_clip(drawn(name), frames=8)

    gaps_s = [after - before for before, after in zip(reading.times_s, reading.times_s[1:], strict=False)]
    assert reading.numbers == reading.numbers_by_time
    assert len(gaps_s) == 7
    assert min(gaps_s) >= 0.5 * SECONDS / 8 - 2 * HALF_INTERVAL_S
    assert max(gaps_s) <= 1.5 * SECONDS / 8 + 2 * HALF_INTERVAL_S


@pytest.mark.parametrize("encoder", [X264_B, MPEG2], ids=["h264", "mpeg2"])
def test_long_transport_stream_is_sought_without_an_index(encoder: tuple[str, ...], tmp_path: Path) -> None:
    """A seek into a transport stream lands somewhere in a GOP, and still the frames asked for come out."""
    reading = read_clip(draw_video(tmp_path / "long.ts", seconds=38, arguments=encoder), frames=8, way="seek")

    assert len(reading.plan.leaps) == 8
    assert reading.numbers == reading.numbers_by_time
    assert reading.times_s == pytest.approx(reading.plan.wanted_s, abs=HALF_INTERVAL_S)
    assert not reading.report.fell_back


def test_more_frames_wanted_than_there_are_gives_each_once(drawn: Drawn) -> None:
    """A clip of 100 pictures yields at most those, rising, when 300 are wanted."""
    reading = read_clip(drawn("h264.mp4"), frames=300, max_frames=300)

    assert reading.numbers == list(range(100))
