"""SIGKILL while an application asks: no answer that it got is lost, whole or as a stream."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from app_project import CONTROL, chat, post

from pytest_graysplit.replies.recordings import Recordings, merge_journals

TESTS = Path(__file__).parents[1]
APPLICATION = f"""
    import json, sys, time
    from http.client import HTTPConnection
    from pathlib import Path
    sys.path.insert(0, {str(TESTS)!r})
    from app_project import AppProject, chat
    from pytest_graysplit.replies.recordings import Journal

    def slowly(*arguments, append=Journal.append, **options):
        time.sleep(0.03)
        append(*arguments, **options)

    Journal.append = slowly  # an answer that is passed on before it is stored is then lost
    project = AppProject(Path(sys.argv[1]), sys.argv[2])
    gateway = project.gateway()
    host, _, path = gateway.base_url.removeprefix("http://").partition("/")
    with project.item(gateway, max_calls=10**6):
        for n in range(10**6):
            connection = HTTPConnection(host)
            body = json.dumps(chat(f"Question {{n}}", stream=n % 2 == 0))
            connection.request("POST", f"/{{path}}/chat/completions", body, {{"content-type": "application/json"}})
            answer, seen = connection.getresponse(), b""
            while (b"[DONE]" if n % 2 == 0 else b"usage") not in seen:  # as clients do, which do not wait for the end
                seen += answer.read1()
            print(n, flush=True)
"""


def test_sigkill_loses_no_answer_that_was_passed_on(project, relay):
    """The application has seen the end of each of them; a replay gives the same answers without the relay."""
    script = project.root / "application.py"
    script.write_text(dedent(APPLICATION))
    command = [sys.executable, script, project.root, relay.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        seen = [line for _, line in zip(range(9), running.stdout, strict=False)]
        os.kill(running.pid, signal.SIGKILL)
        seen += [line for line in running.stdout if line.endswith("\n")]
    assert len(seen) >= 9
    sent = relay.stats()["total"]
    merge_journals(project.root)
    assert sent - 1 <= len(Recordings(project.root).keys(project.file)) <= sent
    gateway = project.gateway("none")
    with project.item(gateway, max_calls=10**6) as calls:
        for n in range(len(seen)):
            answer = post(f"{gateway.base_url}/chat/completions", chat(f"Question {n}", stream=n % 2 == 0))
            assert f"Question {n}"[-1].encode() in answer.body
    assert [reply.text for reply in calls.replies] == [
        f"Answer of {CONTROL} to: Question {n}" for n in range(len(seen))
    ]
    assert relay.stats()["total"] == sent
