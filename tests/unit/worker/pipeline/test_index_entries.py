"""The index is skimmed from keyframe to keyframe, and says what a look at every entry says."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import Drawn
from worker.pipeline.index_entries import MAX_INDEX_KEYFRAMES, read_every, skim


@dataclass(frozen=True)
class Entry:
    """One of an index."""

    timestamp: int
    is_keyframe: bool
    is_discard: bool = False
    pos: int = 0
    size: int = 1


class Entries:
    """A list of them that searches as ffmpeg does, and counts the looks.

    Args:
        entries: rising in time.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self.looks = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Entry:
        self.looks += 1
        return self._entries[number]

    def __iter__(self) -> Iterator[Entry]:
        return (self[number] for number in range(len(self)))

    def search_timestamp(self, timestamp: int, *, backward: bool) -> int:
        """The first keyframe at or after a time, -1 where there is none."""
        assert not backward
        first = bisect_left([entry.timestamp for entry in self._entries], timestamp)
        later = range(first, len(self._entries))
        return next((number for number in later if self._entries[number].is_keyframe), -1)


entries_of_a_file = st.lists(
    st.builds(
        Entry,
        timestamp=st.integers(-1000, 1000),
        is_keyframe=st.booleans(),
        is_discard=st.booleans(),
        pos=st.integers(0, 110),
    ),
    min_size=1,
    max_size=60,
)


@given(entries_of_a_file.map(lambda some: sorted(some, key=lambda entry: entry.timestamp)))
def test_skimming_says_the_same_or_nothing(entries: list[Entry]) -> None:
    """However the keyframes lie; with data behind the end of the file, skimming leaves it to the other."""
    whole = read_every(Entries(entries), file_size=100)
    skimmed = skim(Entries(entries), file_size=100)

    if whole.is_cut_off:
        assert skimmed is None
    elif skimmed is not None:
        times = [entry.timestamp for entry in entries]
        assert skimmed.last == whole.last
        # Of entries with the same time one is enough.
        assert sorted(set(skimmed.keyframes)) == list(skimmed.keyframes)
        assert set(skimmed.keyframes) <= set(whole.keyframes)
        if len(set(times)) == len(times):
            assert list(skimmed.keyframes) == list(whole.keyframes)


def test_hours_of_index_take_few_looks() -> None:
    """A keyframe in fifty: a look at each of those and at the end, not at the rest."""
    entries = Entries([Entry(number, is_keyframe=number % 50 == 0) for number in range(10_000)])

    index = skim(entries, file_size=100)

    assert index is not None
    assert list(index.keyframes) == list(range(0, 10_000, 50))
    assert entries.looks < 1_000


def test_keyframes_alone_are_thinned_evenly() -> None:
    """Of more than can be used, some are taken from everywhere."""

    class AllKeyframes(Entries):
        def search_timestamp(self, timestamp: int, *, backward: bool) -> int:  # noqa: ARG002 - the signature
            return timestamp if timestamp < len(self) else -1

    count = 10 * MAX_INDEX_KEYFRAMES
    index = skim(AllKeyframes([Entry(number, is_keyframe=True) for number in range(count)]), file_size=100)

    assert index is not None
    assert MAX_INDEX_KEYFRAMES * 0.9 < len(index.keyframes) <= MAX_INDEX_KEYFRAMES + 2
    assert index.keyframes[0] == 0
    assert index.keyframes[-1] > count - 20


def test_an_index_that_goes_back_is_read_whole() -> None:
    """The end is not where the last entry says."""
    entries = [Entry(0, is_keyframe=True), Entry(9, is_keyframe=True), Entry(5, is_keyframe=False)]

    assert skim(Entries(entries), file_size=100) is None
    assert read_every(Entries(entries), file_size=100).last == 9


@pytest.mark.parametrize("name", ["h264-b.mp4", "mpeg4.avi"])
def test_real_indexes_are_skimmed(name: str, drawn: Drawn) -> None:
    """What ffmpeg's own search finds is what every entry says."""
    path = drawn(name)
    with av.open(str(path)) as container:
        entries = container.streams.video[0].index_entries

        skimmed = skim(entries, path.stat().st_size)

        assert skimmed is not None
        whole = read_every(entries, path.stat().st_size)
        assert (list(skimmed.keyframes), skimmed.last) == (list(whole.keyframes), whole.last)
        assert not whole.is_cut_off
        assert skim(entries, path.stat().st_size // 2) is None
