"""Live sources for tests, read by a small helper that speaks as ours does."""

import sys
from pathlib import Path

from web.doors import LiveDoor

# A helper that shows its process id as a picture, and writes it down where a test can read it.
_HELPER = """
import json, os, sys, time
asked = json.loads(sys.stdin.readline())
open(asked["note"], "a").write(f"{os.getpid()}\\n")
facts = {"t_s": 0.0, "faces": 0, "score": None, "mean": None, "verdict": None, "per_s": 9.0, "dropped": 0, "look": None}
for number in range(int(asked["count"])):
    content = str(os.getpid()).encode()
    sys.stdout.write(json.dumps({**facts, "t_s": number / 10, "bytes": len(content)}) + "\\n" + content.decode())
    sys.stdout.flush()
    time.sleep(0.02)
if asked.get("then") == "hang":
    time.sleep(1000)
if asked.get("then") == "end":
    print(json.dumps({"ended": "no picture came from camera 7"}), flush=True)
"""


def door(note: Path, *, count: int = 100_000, then: str = "", name: str = "Desk") -> LiveDoor:
    """A source of so many pictures, whose helper notes its process id."""
    question = {"note": str(note), "count": str(count), "then": then}
    return LiveDoor(name, (sys.executable, "-c", _HELPER), question)
