"""The pace of a batch, and the guess of when it will be done."""

import pytest

from cli.rate import RateMeter


def meter_with(*notes: tuple[float, int]) -> RateMeter:
    """A meter that saw these (moment, done) pairs."""
    meter = RateMeter()
    for moment, done in notes:
        meter.note(moment, done)
    return meter


def test_nothing_is_known_before_a_video_is_finished() -> None:
    """A pace needs at least one finished video."""
    meter = meter_with((0.0, 3), (10.0, 3))

    assert meter.per_second is None
    assert meter.remaining_s(5) is None


def test_what_was_done_before_does_not_count() -> None:
    """Reused verdicts make nobody look fast."""
    meter = meter_with((0.0, 100), (10.0, 105))

    assert meter.per_second == pytest.approx(0.5)
    assert meter.remaining_s(10) == pytest.approx(20.0)


def test_old_notes_are_forgotten() -> None:
    """The pace is that of the last two minutes, once these hold a few videos."""
    meter = meter_with((0.0, 0), (1000.0, 1), (1001.0, 2), (1050.0, 6), (1200.0, 102))

    assert meter.per_second == pytest.approx(96 / 150)


def test_a_slow_batch_keeps_its_pace() -> None:
    """Where a video takes longer than the window, older ones still tell the pace."""
    meter = meter_with((0.0, 0), (600.0, 1), (1200.0, 2), (1800.0, 3))

    assert meter.per_second == pytest.approx(3 / 1800)


def test_polling_costs_no_memory() -> None:
    """Any number of looks without news leaves two notes."""
    meter = meter_with(*((float(moment), 7) for moment in range(1000)))

    assert len(meter._notes) == 2
