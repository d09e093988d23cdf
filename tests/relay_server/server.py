"""A real relay on the loopback, in a process of its own: light enough to share two cores with the tests.

    python tests/relay_server/server.py --port 0 --latency 0.2

prints its base URL as the first line. `GET /v1/models`; `POST` to `/v1/chat/completions`, `/v1/responses`,
`/v1/messages` and `/v1/embeddings`; `POST /_control` (JSON: `faults`, `script`, `latency`, `latencies`, `key`,
`models`, `max_in_flight`, `prices`, `one_at_a_time`: requests wait for each other), `GET /_stats`, `POST /_reset`.
A model named `anything+KIND` always shows the fault KIND. The rows of `script` say what is answered to which model and
after how many messages or tool results, see `scripted` in apis.py.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections import Counter, deque
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from relay_server import faults
from relay_server.answers import MODELS, completion, cost_of, embedding, error, usage_of
from relay_server.apis import as_chat, in_shape, message_of, route_of, scripted, unversioned
from relay_server.events import events_for

CONTROLS = ("faults", "script", "models", "key", "latency", "latencies", "max_in_flight", "prices", "one_at_a_time")
REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 429: b"Too Many Requests"}


class State:
    """The state that tests set and read, shared by all connections."""

    def __init__(self, latency):
        self.first_latency = latency
        self.reset()

    def reset(self):
        self.faults, self.script, self.models, self.key = [], [], list(MODELS), None
        self.latency, self.latencies, self.max_in_flight = self.first_latency, {}, None
        self.requests, self.paths, self.statuses = Counter(), Counter(), Counter()
        self.bodies, self.headers, self.header_log = deque(maxlen=4000), {}, deque(maxlen=4000)
        self.in_flight = self.peak_in_flight = self.connections = self.hung_up = 0
        self.prices = {}
        self.one_at_a_time, self.busy_until = False, 0.0
        self.billed, self.billed_usd = Counter(), Decimal(0)

    def control(self, wish):
        for name, value in wish.items():
            if name not in CONTROLS:
                return 400, {}, error(f"unknown control {name}")
            setattr(self, name, value)
        return 200, {}, {}

    def stats(self):
        names = ("paths", "in_flight", "peak_in_flight", "connections", "headers", "hung_up")
        return {name: getattr(self, name) for name in names} | {
            "requests": dict(self.requests),
            "total": sum(self.requests.values()),
            "billed": {
                "prompt_tokens": self.billed["prompt_tokens"],
                "completion_tokens": self.billed["completion_tokens"],
                "cost_usd": str(self.billed_usd),
            },
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "bodies": list(self.bodies),
            "header_log": list(self.header_log),
        }

    def fault_for(self, places, body):
        """Return the next fault on one of these places; `times` counts down (absent: once, null: always)."""
        model = str(body.get("model", ""))
        if "chat" in places and "+" in model:
            return {"kind": model.partition("+")[2]}
        for fault in self.faults:
            left = fault.get("times", 1)
            if left == 0 or fault.get("on", "chat") not in (*places, "any") or fault.get("model", model) != model:
                continue
            if fault.get("match", "") in json.dumps(body):
                fault["times"] = left if left is None else left - 1
                return fault
        return None

    def answer_to(self, body, route):
        """Return the vectors of a request for them, the answer of the script to any other one, else the default one."""
        if route == "embeddings":
            return embedding(body)
        if (row := scripted(self.script, body)) is None:
            return completion(body)
        text, finish, more = message_of(row)
        called = " ".join(call["function"]["arguments"] for call in more.get("tool_calls", ()))
        return completion(body, text, finish, **more) | {"usage": usage_of(body, f"{text} {called}")}


class Connection(asyncio.Protocol):
    """One client's connection: reads requests one after the other and answers them after the latency."""

    def __init__(self, state):
        self.state, self.buffer, self.transport = state, b"", None

    def connection_made(self, transport):
        self.transport = transport
        self.state.connections += 1

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, *lines = self.buffer[:end].split(b"\r\n")
            headers = dict(line.decode("latin-1").split(": ", 1) for line in lines if b": " in line)
            headers = {name.lower(): value for name, value in headers.items()}
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                return
            content, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            method, target, _ = head.decode("latin-1").split(" ", 2)
            self.route(method, target.partition("?")[0], headers, content)

    def route(self, method, path, headers, content):
        if path.startswith("/_"):
            self.send(*self.admin(path, content))
            return
        self.state.paths[f"{method} {path}"] += 1
        self.state.headers = headers
        self.state.header_log.append(headers)
        body = json.loads(content) if content else {}
        if route := route_of(path):
            self.ask(headers, body, route)
        elif path.endswith("/models"):
            self.list_models(method, headers)
        else:
            self.send(404, {}, error("no such route"))

    def admin(self, path, content):
        if path == "/_stats":
            return 200, {}, self.state.stats()
        if path == "/_reset":
            self.state.reset()
            return 200, {}, {}
        return self.state.control(json.loads(content))

    def refuses(self, headers, route="chat"):
        """Tell whether the key is not the right one; Anthropic's route takes it in a header of its own too."""
        key = self.state.key
        own = route == "messages" and headers.get("x-api-key") == key
        return key is not None and not own and headers.get("authorization") != f"Bearer {key}"

    def list_models(self, method, headers):
        fault = {"kind": "401"} if self.refuses(headers) else self.state.fault_for(("models",), {})
        if method == "HEAD":
            self.send(200, {}, b"")
        elif fault:
            self.give(faults.show(fault, {}), fault, {}, "models")
        else:
            rows = [{"id": row} if isinstance(row, str) else row for row in self.state.models]
            self.send(200, {}, {"object": "list", "data": rows})

    def ask(self, headers, body, route):
        state = self.state
        state.requests[body.get("model")] += 1
        state.bodies.append(body)
        if route == "messages" and (problem := unversioned(headers)):
            self.send(400, {}, in_shape(problem, route))
            return
        state.in_flight += 1
        state.peak_in_flight = max(state.peak_in_flight, state.in_flight)
        fault = {"kind": "401"} if self.refuses(headers, route) else state.fault_for(("chat", route), body)
        if fault is None and state.max_in_flight is not None and state.in_flight > state.max_in_flight:
            fault = {"kind": "429", "retry_after": 0.05}
        latency = state.latencies.get(body.get("model"), state.latency)
        latency = fault.get("latency", 0 if str(fault["kind"]).isdecimal() else latency) if fault else latency
        loop = asyncio.get_running_loop()
        begins = max(loop.time(), state.busy_until) if state.one_at_a_time else loop.time()
        state.busy_until = begins + latency
        loop.call_at(state.busy_until, self.answer, fault, as_chat(body, route), route)

    def answer(self, fault, body, route):
        good = self.state.answer_to(body, route)
        shown = (200, {}, good) if fault in (None, {}) else None
        shown = shown or ((200, {}, good) if fault["kind"] == "slow" else faults.show(fault, body))
        if shown != faults.HANG:
            self.state.in_flight -= 1
        self.give(shown, fault or {}, body, route)

    def give(self, shown, fault, body, route):
        loop = asyncio.get_running_loop()
        if shown in (faults.DROP, faults.BILL_DROP):
            if shown == faults.BILL_DROP:
                self.bill(self.state.answer_to(body, route))
            self.transport.abort()
        elif shown == faults.CUT:
            self.bill(self.state.answer_to(body, route))  # it has answered, and the network lost the answer
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{")
            loop.call_later(0.01, self.transport.abort)
        elif shown == faults.KEEPALIVE:
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            self.keep_alive(loop.time() + fault.get("for_s", 0.1), body, route)
        elif shown == faults.STREAM or (body.get("stream") and shown[0] == 200 and isinstance(shown[2], dict)):
            self.send_events(
                self.state.answer_to(body, route) if shown == faults.STREAM else shown[2], body, fault, route
            )
        elif shown != faults.HANG:
            self.send(*shown, route)

    def keep_alive(self, until, body, route):
        if self.transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        if loop.time() < until:
            self.transport.write(b"1\r\n\n\r\n")
            loop.call_later(0.02, self.keep_alive, until, body, route)
        else:
            answer = self.state.answer_to(body, route)
            self.bill(answer)
            text = json.dumps(in_shape(answer, route)).encode()
            self.transport.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text))

    def send_events(self, answer, body, fault, route):
        usage = bool((body.get("stream_options") or {}).get("include_usage")) or "usage" in fault
        events = events_for(in_shape(answer, route), route, usage=usage)
        self.bill(answer)
        events = events[: fault.get("events", len(events))]
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        if "gap" in fault or "then" in fault:
            self.send_slowly(events, fault)
            return
        for event in events:
            self.transport.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.transport.write(b"0\r\n\r\n")

    def send_slowly(self, events, fault):
        """Send the events with a gap between them; `then` says how to end: "drop", or "hang" with comments alone."""
        if self.transport.is_closing():
            self.state.hung_up += 1
        elif events:
            self.transport.write(b"%x\r\n%s\r\n" % (len(events[0]), events[0]))
            asyncio.get_running_loop().call_later(fault.get("gap", 0), self.send_slowly, events[1:], fault)
        elif fault.get("then") == "hang":
            self.transport.write(b"d\r\n: keep-alive\n\r\n")
            asyncio.get_running_loop().call_later(0.02, self.send_slowly, events, fault)
        elif fault.get("then") == "drop":
            self.transport.abort()
        else:
            self.transport.write(b"0\r\n\r\n")

    def send(self, status, headers, body, route="chat"):
        self.state.statuses[status] += 1
        self.bill(body)
        content = body if isinstance(body, bytes) else json.dumps(in_shape(body, route)).encode()
        headers = {"content-type": "application/json"} | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        reason = REASONS.get(status, b"Something")
        head = b"HTTP/1.1 %d %s\r\n%scontent-length: %d\r\n\r\n" % (status, reason, lines, len(content))
        if not self.transport.is_closing():
            self.transport.write(head + content)

    def bill(self, body):
        usage = body.get("usage") if isinstance(body, dict) and ("choices" in body or "data" in body) else None
        if usage:
            self.state.billed.update({name: usage.get(name, 0) for name in ("prompt_tokens", "completion_tokens")})
            self.state.billed_usd += cost_of(usage, self.state.prices.get(body.get("model")))


async def serve(port, latency, *, until_stdin_closes):
    """Serve until killed, or until the starter's pipe closes, so that no test leaves a server behind."""
    loop, state = asyncio.get_running_loop(), State(latency)
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)  # noqa: T201  # the starter waits for this line
    if until_stdin_closes:
        closed = asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), closed.set)
        await closed.wait()
    else:
        await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--until-stdin-closes", action="store_true")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.latency, until_stdin_closes=options.until_stdin_closes))


if __name__ == "__main__":
    main()
