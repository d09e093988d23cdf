"""Start the loopback relay and use its control routes; shared by fixtures and benchmarks."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

SERVER = Path(__file__).with_name("server.py")


class RunningRelay:
    """A loopback relay in a process of its own, from `__enter__` (or `start`) until `__exit__` (or `stop`)."""

    def __init__(self, latency=0.0, port=0):
        self._arguments = ["--latency", str(latency), "--port", str(port), "--until-stdin-closes"]
        self._process = None
        self._opener = build_opener(ProxyHandler({}))
        self.url = ""

    def start(self):
        """Start the server; its first line is printed once it listens, and names its address."""
        command = [sys.executable, "-S", "-E", str(SERVER), *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()
        if not self.url.startswith("http"):
            raise RuntimeError("the loopback relay did not start")
        return self

    def stop(self):
        """Kill the server, at once."""
        self._process.kill()
        self._process.communicate()

    def control(self, **wishes):
        """Set its faults=[...], script=[...], latency=, latencies=, key=, models=, max_in_flight=, prices=, or one_at_a_time=."""
        return self._call("/_control", wishes)

    def stats(self):
        """Return its statistics: total, requests by model, bodies, headers, peak_in_flight, billed, ..."""
        return self._call("/_stats")

    def reset(self):
        """Reset it to the state of its start."""
        return self._call("/_reset", {})

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _call(self, path, wish=None):
        data = None if wish is None else json.dumps(wish).encode()
        request = Request(self.url.removesuffix("/v1") + path, data=data)
        with self._opener.open(request, timeout=10) as answer:
            return json.loads(answer.read())
