"""What a person sees who follows a batch on a terminal: everything, in its place, whatever the names are."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from db.batches import complete_batch
from db.leases import claim_scan, save_outcome
from db.outcomes import Outcome
from db.session import Database
from tests.screen import OnTerminal
from tests.seeding import judged, scan_ids, seed_batch, seed_classifier
from tests.services import opened_database

PROGRAM = Path(sys.executable).with_name("fakesweep")
HOSTILE = (
    "a\x1b[2J\x1b]0;owned\x07\n\r\tb",
    "\u202ereversed\u2066",
    "漢字" * 50,
    "שלום" * 25,
    "👨‍👩‍👧❤️" * 12,
    "long-" + "x" * 200,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The state directory of the command."""
    return tmp_path / "home"


@pytest.fixture
def lite(home: Path) -> Iterator[Database]:
    """Its database."""
    home.mkdir(mode=0o700)
    with opened_database(f"sqlite:///{home / 'fakesweep.db'}") as opened:
        yield opened


def watching(home: Path, *arguments: str, columns: int = 80, rows: int = 24, **environ: str) -> OnTerminal:
    """`fakesweep watch` on a terminal."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FAKESWEEP_")}
    ours.pop("NO_COLOR", None)
    wanted = {**ours, "TERM": "xterm-256color", "FAKESWEEP_HOME": str(home), **environ}
    return OnTerminal([PROGRAM, "watch", *arguments], wanted, columns=columns, rows=rows)


def begin(database: Database, scan_id: int, *, worker: str) -> int:
    """A worker takes a scan; its fencing token."""
    with database.begin() as session:
        claim = claim_scan(session, scan_id, worker=worker, lease_s=600, alone=False)
        assert claim is not None
        return claim.token


def end(database: Database, scan_id: int, token: int, outcome: Outcome) -> None:
    """The worker ends it."""
    with database.begin() as session:
        assert save_outcome(session, scan_id, token, outcome)


@dataclass
class Held:
    """The scans of a batch that have not ended: those that run, with their tokens, and one that waits."""

    database: Database
    running: list[tuple[int, int]]
    waiting: int

    def judge_first(self, score: float) -> None:
        """Ends the first of those that run."""
        scan_id, token = self.running.pop(0)
        end(self.database, scan_id, token, judged(score))

    def finish(self) -> None:
        """Ends them all, so that the watching ends."""
        while self.running:
            self.judge_first(0.95)
        end(self.database, self.waiting, begin(self.database, self.waiting, worker="w"), judged(0.2))


@pytest.fixture
def batch(lite: Database) -> Held:
    """One was called fake, one real; those with hostile names run, and one waits."""
    made = seed_batch(lite, seed_classifier(lite), ["forged", "honest", *HOSTILE, "waits"])
    ids = scan_ids(lite, made)
    end(lite, ids[0], begin(lite, ids[0], worker="w"), judged(0.91))
    end(lite, ids[1], begin(lite, ids[1], worker="w"), judged(0.1))
    running = [(one, begin(lite, one, worker=f"machine-{place}")) for place, one in enumerate(ids[2:-1])]
    with lite.begin() as session:
        complete_batch(session, made, ignored=0)
    return Held(lite, running, ids[-1])


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_everything_is_in_its_place(home: Path, batch: Held, columns: int, rows: int) -> None:
    """Bar, counts by state and verdict, a line per worker and the latest fakes, of which no line wraps."""
    with watching(home, columns=columns, rows=rows) as terminal:
        terminal.wait_for("2/9", "Latest fakes")
        lines = terminal.screen.lines
        batch.finish()

    assert lines[0].startswith("━" if columns == 200 else "━━")
    assert lines[0].endswith("waiting for a worker")
    assert lines[1] == "2 judged (1 fake, 1 real), 1 queued, 6 running"
    assert [line.split()[0] for line in lines[2:8]] == [f"machine-{place}" for place in range(6)]
    assert all("starting" in line and "0%" in line for line in lines[2:8])
    assert lines[2].endswith("a\\x1b[2J\\x1b]0;owned\\x07\\n\\r\\tb.mp4")
    assert lines[3].endswith("\\u202ereversed\\u2066.mp4")
    assert lines[8:10] == ["Latest fakes", "0.910  forged.mp4"]
    assert not any(lines[10:])
    # At the end the picture has gone, and the summary stands alone.
    assert terminal.process.returncode == 0
    assert terminal.screen.text == "9 files: 9 judged (7 fake, 2 real)"
    assert terminal.screen.wrapped == 0


def test_a_new_fake_is_shown_at_once(home: Path, batch: Held) -> None:
    """The latest stands first, with its score."""
    with watching(home) as terminal:
        terminal.wait_for("2/9")
        batch.judge_first(0.97)
        terminal.wait_for("3/9", "0.970  a\\x1b")
        lines = terminal.screen.lines
        batch.finish()

    place = lines.index("Latest fakes")
    assert lines[place + 2] == "0.910  forged.mp4"


def test_without_colour_there_is_none(home: Path, batch: Held) -> None:
    """NO_COLOR leaves the same words in no colour; without it the verdicts have theirs."""
    with watching(home) as coloured, watching(home, NO_COLOR="1") as plain:
        for terminal in (coloured, plain):
            terminal.wait_for("2/9", "1 fake")
        seen = [terminal.screen.text for terminal in (coloured, plain)]
        batch.finish()

    assert seen[0] == seen[1].replace(seen[1].splitlines()[0], seen[0].splitlines()[0])
    assert coloured.screen.colours
    assert not plain.screen.colours


def test_a_terminal_that_gets_narrower_shows_it_anew(home: Path, batch: Held) -> None:
    """After a change of size nothing of the old picture is left, and the new one fits."""
    with watching(home, columns=200, rows=50) as terminal:
        terminal.wait_for("2/9", "Latest fakes")
        terminal.resize(60, 20)
        terminal.wait_for("2/9")
        batch.judge_first(0.99)
        terminal.wait_for("3/9", "0.990  a\\x1b[2J")
        narrow = terminal.screen.lines
        terminal.resize(120, 30)
        batch.judge_first(0.98)
        terminal.wait_for("4/9", "0.980")
        wide = terminal.screen.lines
        batch.finish()

    for lines in (narrow, wide):
        assert sum("━" in line for line in lines) == 1
        assert lines.count("Latest fakes") == 1
    assert terminal.screen.wrapped == 0
    assert terminal.screen.text == "9 files: 9 judged (7 fake, 2 real)"


def test_a_low_terminal_leaves_out_workers_and_says_so(home: Path, batch: Held) -> None:
    """The bar and the counts stay on the screen."""
    with watching(home, columns=80, rows=8) as terminal:
        terminal.wait_for("2/9", "more", "0.910")
        lines = terminal.screen.lines
        batch.finish()

    assert "2/9" in lines[0]
    assert lines[1].startswith("2 judged (1 fake, 1 real)")
    assert "and 4 more" in lines


def test_a_dumb_terminal_gets_lines(home: Path, batch: Held) -> None:
    """Where nothing can be drawn over, each line stands for itself, and no sequence is sent."""
    with watching(home, columns=200, TERM="dumb") as terminal:
        terminal.wait_for("2 of 9 videos done (1 fake, 1 real), 6 running")
        batch.finish()

    assert "\x1b" not in terminal.everything
    assert terminal.everything.startswith("fake 0.910 /videos/forged.mp4\r\n2 of 9 videos done")
    assert terminal.screen.lines[-1] == "" or "9 of 9" in terminal.screen.text


def test_a_terminal_without_these_characters_gets_others(home: Path, batch: Held) -> None:
    """In ASCII the bar is of dashes, and what cannot be shown is a question mark that takes no more room."""
    with watching(home, PYTHONIOENCODING="ascii", PYTHONUTF8="0") as terminal:
        terminal.wait_for("2/9", "Latest fakes")
        text = terminal.screen.text
        batch.finish()

    assert text.isascii()
    assert "????" in text
    assert terminal.screen.wrapped == 0
