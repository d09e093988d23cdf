"""Real answers as a server sent them, and how they become recordings; the examples share them.

`support-desk/answers-as-received.jsonl` holds 200 answers of two small open models to 40 cases, one per line: the
request, the latency that the client measured, and the response as the server sent it.
"""

import json
from dataclasses import replace
from pathlib import Path

from pytest_graysplit.replies.fingerprint import request_hash, unchanged
from pytest_graysplit.replies.recordings import Journal, merge_journals
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.failures import RawResponse
from pytest_graysplit.replies.relay.response import read_response
from pytest_graysplit.types import ReplyKey

RECEIVED = Path(__file__).parent / "support-desk" / "answers-as-received.jsonl"


def as_asked(sent, sample):
    """Return the request as a suite asks it: sample n was sent with the seed plus n."""
    body = {name: value for name, value in sent.items() if name != "model"}
    return {**body, "seed": sent["seed"] - sample}


def reply_of(line):
    """Read the response as the plugin reads the response of a relay."""
    answer = RawResponse(status=line["status"], headers={}, body=json.dumps(line["response"]).encode())
    reply = read_response(answer, model=line["model"], sent=line["request"], is_refusal=is_refusal, redact=str)
    return replace(reply, latency_s=line["latency_s"], at=line["at"])


def record(folder, cases, redact=unchanged):
    """Write recordings below the folder; `cases` are triples: a received case, its id in a suite, and the file."""
    journal = Journal(folder, mode="new", run_id="convert", redact=redact)
    lines = [json.loads(text) for text in RECEIVED.read_text(encoding="utf-8").splitlines()]
    for received, case, into in cases:
        for line in (line for line in lines if line["case"] == received):
            body = as_asked(line["request"], line["sample"])
            key = ReplyKey(case, line["model"], request_hash(body), line["sample"])
            journal.append(folder / into, key, body, reply_of(line))
    journal.close()
    report = merge_journals(folder)
    print(f"{report.replies} replies in {', '.join(path.name for path in report.files) or 'no file: nothing changed'}")
