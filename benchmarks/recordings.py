"""How much processor time it takes to read a recorded reply, in a file of 4,000 of them.

python benchmarks/recordings.py
"""

import tempfile
import time
from pathlib import Path

from measured import load

from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.recordings import Journal, Recordings, merge_journals
from pytest_graysplit.types import Reply, ReplyKey

REPLIES = 4_000
BODY = {"messages": [{"role": "user", "content": "What is your refund policy?"}], "temperature": 0}


def recorded(root: Path, path: Path) -> list[ReplyKey]:
    """Record the replies, as a run does, and return their keys."""
    keys = [ReplyKey(f"case-{n}", "claude-sonnet-4.5", request_hash(BODY), 0) for n in range(REPLIES)]
    reply = Reply(
        model="claude-sonnet-4.5", outcome="ok", text="An answer of some length. " * 30, at="2026-11-23T10:00:00.000Z"
    )
    journal = Journal(root, mode="new", run_id="benchmark")
    for key in keys:
        journal.append(path, key, BODY, reply)
    journal.close()
    merge_journals(root)
    return keys


def main() -> None:
    """Print the time of each reply, reading the file included."""
    print(load())
    with tempfile.TemporaryDirectory(prefix="graysplit-benchmark-") as name:
        root = Path(name)
        path = root / "tests" / "__graysplit__" / "test_support.jsonl"
        keys = recorded(root, path)
        recordings = Recordings(root)
        began = time.process_time()
        found = sum(recordings.reply(path, key) is not None for key in keys)
        took_s = time.process_time() - began
    print(f"{found:,} of {REPLIES:,} recorded replies read, {took_s / REPLIES * 1e6:.0f} microseconds each")


if __name__ == "__main__":
    main()
