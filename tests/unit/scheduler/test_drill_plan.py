"""What a drill does is decided by its seed; what a soak says by its figures."""

from collections import Counter

import pytest

from db.invariants import Findings
from scheduler.drill.conductor import Result
from scheduler.drill.plan import FAULTS, Order, kinds_for, plan_faults, plan_videos
from scheduler.drill.soak import Gauge, compare

EMBEDDED = kinds_for(embedded_broker=True, sqlite=True, own_postgresql=False)
CLUSTER = kinds_for(embedded_broker=False, sqlite=False, own_postgresql=True)


def test_the_same_seed_plans_the_same_drill() -> None:
    """Faults and videos come in the same order again, and in another with another seed."""
    first, again, other = (Order(faults=100, videos=100, seed=seed) for seed in (7, 7, 8))

    assert plan_faults(first, CLUSTER) == plan_faults(again, CLUSTER) != plan_faults(other, CLUSTER)
    assert plan_videos(first) == plan_videos(again) != plan_videos(other)


@pytest.mark.parametrize("kinds", [EMBEDDED, CLUSTER], ids=["embedded", "cluster"])
def test_every_kind_comes_at_least_once(kinds: tuple[str, ...]) -> None:
    """At least ten kinds, each done however few faults are ordered, as long as there are enough."""
    planned = plan_faults(Order(faults=len(kinds), videos=10, seed=1), kinds)

    assert len(kinds) >= 10
    assert sorted(planned) == sorted(kinds)


def test_kinds_are_those_that_an_installation_can_suffer() -> None:
    """Nobody's PostgreSQL but ours is restarted, and no SQLite file is locked where there is none."""
    theirs = kinds_for(embedded_broker=False, sqlite=False, own_postgresql=False)

    assert set(EMBEDDED) | set(CLUSTER) == set(FAULTS)
    assert not {"postgresql_restarted", "postgresql_crashed", "sqlite_locked", "watchdog_killed"} & set(theirs)


@pytest.mark.parametrize("videos", [2, 3, 60, 500])
def test_poison_is_always_among_the_videos(videos: int) -> None:
    """One in a hundred of each poison, and at least one of each."""
    counts = Counter(plan_videos(Order(faults=1, videos=videos, seed=3)))

    assert counts["poison_child"] == counts["poison_worker"] == max(1, videos // 100)
    assert counts.total() == videos


@pytest.mark.parametrize(("faults", "videos", "whole"), [(-1, 10, 0), (1, 1, 0), (1, 10, 9), (1, 10, -1)])
def test_impossible_orders_are_refused(faults: int, videos: int, whole: int) -> None:
    """An order checks itself."""
    with pytest.raises(ValueError, match="must"):
        Order(faults=faults, videos=videos, seed=1, whole=whole)


def _result(faults: int, findings: Findings, *complaints: str) -> Result:
    order = Order(faults=3, videos=10, seed=1)
    return Result(order, "SQLite", "embedded", {"child_killed": faults}, findings, {}, 2, 1.0, complaints=complaints)


def test_a_drill_passes_only_when_all_is_well() -> None:
    """Too few faults, a process that did not end, or one finding of any kind fails it."""
    assert _result(3, Findings()).is_passed
    assert not _result(2, Findings()).is_passed
    assert not _result(3, Findings(), "worker-1 did not end").is_passed
    for name in vars(Findings()):
        assert not _result(3, Findings(**{name: ("x",)})).is_passed


def test_json_has_the_names_that_are_promised() -> None:
    """Programs find the faults by kind and the four counts under the names of the documentation."""
    shown = _result(3, Findings(lost=("a",), stuck=("b", "c"))).to_json()

    assert shown["faults"] == {"child_killed": 3}
    assert [shown[name] for name in ("lost", "doubled", "stuck", "innocents_quarantined")] == [1, 0, 2, 0]


def test_a_leak_is_seen_and_noise_is_not() -> None:
    """What grows from scan to scan is not flat; what is large from its beginning is."""
    samples = [
        (done, {"leak bytes": 50e6 + 1e4 * done, "large bytes": 900e6, "files open": 20 + done % 3, "keys": done / 50})
        for done in range(0, 10_001, 100)
    ]
    flat = {gauge.name: gauge.is_flat for gauge in compare(samples, scans=10_000)}

    assert flat == {"leak bytes": False, "large bytes": True, "files open": True, "keys": False}


def test_a_gauge_allows_a_little() -> None:
    """A few files or megabytes more are chance."""
    assert Gauge("open files", 20, 24).is_flat
    assert not Gauge("open files", 20, 25).is_flat
    assert Gauge("worker bytes", 50e6, 66e6).is_flat
    assert not Gauge("worker bytes", 50e6, 67e6).is_flat
