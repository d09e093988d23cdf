"""Turn the answers as they were received into recordings that the suite replays: python convert.py

`answers-as-received.jsonl` holds 200 answers of two small open models to the 40 cases of this folder, one a line:
the request, the latency that the client measured, and the response as the server sent it.
"""

import json
from dataclasses import replace
from pathlib import Path

from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.fingerprint import request_hash
from pytest_graysplit.metrics.refusals import is_refusal
from pytest_graysplit.recordings import Journal, merge_journals
from pytest_graysplit.relay.faults import Answer
from pytest_graysplit.relay.wire import read_answer
from pytest_graysplit.types import ReplyKey

HERE = Path(__file__).parent


def recording_of_cases(folder):
    """Map each case to the recording file of the case file it stands in."""
    return {
        case.id: folder / "__graysplit__" / path.name.replace(".graysplit.yaml", ".jsonl")
        for path in sorted(HERE.glob("*.graysplit.yaml"))
        for case in read_cases(path, path.name)
    }


def as_asked(sent, sample):
    """Return the request as the suite asks it: sample n was sent with the seed plus n."""
    body = {name: value for name, value in sent.items() if name != "model"}
    return {**body, "seed": sent["seed"] - sample}


def reply_of(line):
    """Read the response as the plugin reads one that comes from a relay."""
    answer = Answer(status=line["status"], headers={}, body=json.dumps(line["response"]).encode())
    reply = read_answer(answer, model=line["model"], sent=line["request"], is_refusal=is_refusal, redact=str)
    return replace(reply, latency_s=line["latency_s"], at=line["at"])


def convert(folder):
    """Write the recordings below the folder."""
    into = recording_of_cases(folder)
    journal = Journal(folder, mode="new", run_id="convert")
    for text in (HERE / "answers-as-received.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        body = as_asked(line["request"], line["sample"])
        key = ReplyKey(line["case"], line["model"], request_hash(body), line["sample"])
        journal.append(into[line["case"]], key, body, reply_of(line))
    journal.close()
    return merge_journals(folder)


if __name__ == "__main__":
    report = convert(HERE)
    print(f"{report.replies} replies in {', '.join(path.name for path in report.files)}")
