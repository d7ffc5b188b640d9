"""What is written down stays, also when a kill comes between."""

import json
from pathlib import Path

import pytest

from training.collect.ledger import Ledger, read_ledger
from training.errors import TrainingError


def test_is_read_again(tmp_path: Path) -> None:
    """A new run knows what the last one wrote, in its order, with the time."""
    first = Ledger(tmp_path / "l")
    first.write({"state": "sent", "text": "zeile\n\u2028"})
    first.write({"state": "saved"})
    first.close()

    entries = Ledger(tmp_path / "l").entries

    assert [entry["state"] for entry in entries] == ["sent", "saved"]
    assert entries[0]["text"] == "zeile\n\u2028"
    assert entries[0]["at"].startswith("20")


def test_a_line_cut_in_two_is_dropped(tmp_path: Path) -> None:
    """A kill within the last line costs that line alone, and the next line starts afresh."""
    path = tmp_path / "l"
    path.write_bytes(b'{"state": "sent"}\n{"state": "sa')
    ledger = Ledger(path)
    ledger.write({"state": "lost"})
    ledger.close()

    assert [entry["state"] for entry in read_ledger(path)] == ["sent", "lost"]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_reading_changes_nothing(tmp_path: Path) -> None:
    """A look at the ledger neither makes nor mends it."""
    path = tmp_path / "l"

    assert read_ledger(path) == []
    assert not path.exists()


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n", b'{"a": 1}\n'])
def test_refuses_what_it_did_not_write(tmp_path: Path, line: bytes) -> None:
    """A damaged line is named, not skipped: it may be a picture that was paid for."""
    path = tmp_path / "l"
    path.write_bytes(b'{"state": "sent"}\n' + line + b'{"state": "saved"}\n')

    with pytest.raises(TrainingError, match="line 2"):
        Ledger(path)
