"""Arms with endpoints of their own: two real servers, and the requests, keys and headers that each of them gets."""

import os
import socket
import tomllib
import warnings
from collections import Counter

import pytest
from relay.scripted import ScriptedServer, whole
from relay_server.client import RunningRelay

from pytest_graysplit.config.settings import SettingsSource, resolve
from pytest_graysplit.errors import GraysplitError, RelayError
from pytest_graysplit.replies.fetcher import build_fetcher
from pytest_graysplit.replies.fingerprint import redactor, request_hash
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Recordings, merge_journals
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import ReplyKey

KEY, OURS_KEY = "key-of-the-run-0123456789", "key-of-ours-0123456789"
HOSTED, LOCAL = "gpt-4.1", "qwen3-32b"
OURS = """
    [arms.ours]
    model = "qwen3-32b"
    base_url = "{local}"
    api_key_env = "VLLM_API_KEY"
    headers = { X-Team = "team-secret-0123456789" }
"""


class Run:
    """A project folder and fetchers for its arms; each `run` is a new process as far as replies are concerned."""

    def __init__(self, root, url):
        self.root, self.url = root, url
        self.file = root / "tests" / "__graysplit__" / "test_support.jsonl"
        self.environ = {"GRAYSPLIT_API_KEY": KEY, "VLLM_API_KEY": OURS_KEY}
        self.fetchers = []

    def settings(self, table, *, control=HOSTED, treatments=("ours",), **options):
        texts = {"control": [control], "treatment": list(treatments), "base-url": [self.url], "record": ["new"]}
        texts |= {"retries": ["0"], **options}
        source = SettingsSource(lambda option: option.flag, texts)
        return resolve([source], tomllib.loads(table), self.environ, self.root)

    def request(self, arm, case, *, role="", metric="", route="chat", **params):
        messages = arm.with_system([{"role": "user", "content": f"Question {case}"}])
        content = {"input": f"Text {case}"} if route == "embeddings" else {"messages": messages}
        body = {**content, **arm.with_params(params)}
        key = ReplyKey(case, arm.model, request_hash(body), 0, arm.recorded_as)
        return ReplyRequest(role or arm.name, arm, key, self.file, body, route, metric)

    def requests(self, settings, n=3):
        return [
            self.request(arm, f"case-{number}", role="" if place else "control")
            for number in range(n)
            for place, arm in enumerate(settings.arms)
        ]

    def fetcher(self, settings, asked_models=tuple):
        clean = redactor(settings.secrets)
        fetcher = build_fetcher(
            settings,
            self.root,
            run_id=f"run{len(self.fetchers)}",
            recordings=Recordings(self.root, clean),
            redact_for=lambda path: clean,
            prices=PriceTable(settings.prices),
            command="pytest --graysplit-record=new",
            fresh=frozenset(),
            asked_models=asked_models,
        )
        self.fetchers.append(fetcher)
        return fetcher

    def run(self, settings, requests):
        """Fetch the missing replies, store them, and return the fetcher and the error that ended the run."""
        fetcher, error = self.fetcher(settings), None
        try:
            if missing := fetcher.missing(requests):
                fetcher.fetch(missing, lambda progress: None, every_s=0.01)
        except GraysplitError as caught:
            error = str(caught)
        fetcher.stop()
        merge_journals(self.root)
        return fetcher, error

    def files(self):
        return "".join(path.read_text("utf-8") for path in self.root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def second():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def local(second):
    second.reset()
    second.control(key=OURS_KEY, models=[LOCAL])
    return second


@pytest.fixture
def run(tmp_path, relay):
    relay.control(key=KEY)
    run = Run(tmp_path, relay.url)
    yield run
    for fetcher in run.fetchers:
        fetcher.stop(grace_s=0.1)


@pytest.fixture
def closed_url():
    """The address of a server on this machine that does not run."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def table(local, **changes):
    text = OURS.replace("{local}", local if isinstance(local, str) else local.url)
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


# --- keys


def keys_at(server):
    """Count the requests of each kind, the check of the models among them, by their Authorization header."""
    return Counter(headers.get("authorization", "") for headers in server.stats()["header_log"])


def test_each_server_gets_its_own_key_and_headers(run, relay, local):
    """Every request of the servers' logs has the right key; no file has a key or a header value."""
    settings = run.settings(table(local))
    fetcher, error = run.run(settings, run.requests(settings, 5))
    assert error is None
    assert keys_at(relay) == {f"Bearer {KEY}": 6}
    assert keys_at(local) == {f"Bearer {OURS_KEY}": 6}
    assert (relay.stats()["headers"].get("x-team"), local.stats()["headers"]["x-team"]) == (
        None,
        "team-secret-0123456789",
    )
    assert (relay.stats()["requests"], local.stats()["requests"]) == ({HOSTED: 5}, {LOCAL: 5})
    assert not [secret for secret in (KEY, OURS_KEY, "team-secret-0123456789") if secret in run.files()]
    assert fetcher.stats().requests == 12
    assert fetcher.fetch_stats.received == 10


def test_answer_that_repeats_a_key_of_any_arm_is_redacted(run, local):
    """A gateway may show the key of one arm in the answer of the other."""
    local.control(faults=[{"kind": "text", "text": f"Your keys: {KEY} {OURS_KEY}", "times": None}])
    settings = run.settings(table(local))
    requests = run.requests(settings, 1)
    fetcher, _ = run.run(settings, requests)
    assert [secret for secret in (KEY, OURS_KEY) if secret in run.files() + fetcher.reply(requests[1]).text] == []


def test_redirect_does_not_carry_a_key_to_another_server(run, local):
    """The redirect is an error that names its target; the other server is not asked at all."""
    answer = whole(b"", b"location: " + local.url.encode() + b"/chat/completions", status=b"307 Temporary Redirect")
    with ScriptedServer(answer) as redirecting:
        settings = run.settings(table(redirecting.url), control="ours", treatments=(HOSTED,))
        _, error = run.run(settings, [run.request(settings.arm("ours"), "a")])
    assert error.startswith(f"{redirecting.url} is not an OpenAI-compatible relay: the relay redirects to {local.url}/")
    assert "check base_url in [tool.graysplit.arms.ours]" in error
    assert (local.stats()["paths"], OURS_KEY in error) == ({}, False)
    assert all(f"Bearer {OURS_KEY}".encode() in head for head in redirecting.heads)


@pytest.mark.parametrize("name", ["GRAYSPLIT_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "HOLYSHEEP_API_KEY"])
def test_server_on_this_machine_gets_no_key_that_it_was_not_given(run, local, name):
    """An arm with an address and without a variable is asked without a key."""
    local.control(key=None)
    run.environ = {name: KEY}
    settings = run.settings(table(local, **{'api_key_env = "VLLM_API_KEY"': ""}))
    assert run.run(settings, [run.request(settings.arm("ours"), "a")])[1] is None
    assert keys_at(local) == {"": 2}


def test_header_that_cannot_be_sent_is_named_with_the_table_of_the_arm(run, local):
    """Nothing is sent to the server, and the value is not shown."""
    settings = run.settings(table(local, **{"team-secret-0123456789": "secret\\nX-Other: 1"}))
    _, error = run.run(settings, [run.request(settings.arm("ours"), "a")])
    assert error == (
        "the header 'X-Team' holds a line break or a letter that no HTTP header can carry\n"
        "  hint: correct it in [tool.graysplit.arms.ours], or in the variable that it names  [header-unusable]"
    )
    assert local.stats()["requests"] == {}


# --- an endpoint that cannot be used


def test_all_endpoints_are_checked_before_the_first_request(run, relay, closed_url):
    """One that does not answer ends the run with one message, before anything is paid for at the other."""
    settings = run.settings(table(closed_url), treatments=("ours",))
    fetcher, error = run.run(settings, run.requests(settings, 5))
    assert error == (
        f"no relay answers at {closed_url}: cannot connect: Connection refused\n"
        "  hint: check base_url in [tool.graysplit.arms.ours], and that the relay runs and this machine reaches it "
        "(proxy, VPN, firewall)  [relay-unreachable]"
    )
    assert relay.stats()["requests"] == {}
    assert fetcher.unfinished == 0


def test_endpoints_of_later_requests_are_checked_before_the_first(run, relay, closed_url):
    """A run that fetches a few cases at a time names an endpoint that is down before it pays at the other."""
    settings = run.settings(table(closed_url))
    requests = run.requests(settings, 5)
    fetcher = run.fetcher(settings)
    fetcher.expect(requests)
    fetcher.start(requests[:1])
    with pytest.raises(RelayError, match=f"no relay answers at {closed_url}"):
        fetcher.reply(requests[0])
    assert relay.stats()["requests"] == {}


JUDGE = """
    [judge]
    model = "j"
    [arms.j]
    model = "umpire"
    base_url = "URL"
"""


def test_endpoint_of_a_metric_is_checked_before_the_replies_are_paid_for(run, relay, closed_url):
    """Its requests follow from the replies; a recorded run does not need it."""
    settings = run.settings(JUDGE.replace("URL", closed_url), treatments=("deepseek-v3.2",))
    judge = settings.metric_arm(settings.table.judge)
    requests = run.requests(settings, 1)
    fetcher = run.fetcher(settings, asked_models=lambda: [(judge, "chat")])
    fetcher.start(requests)
    with pytest.raises(RelayError, match=r"check base_url in \[tool\.graysplit\.arms\.j\]"):
        fetcher.reply(requests[0])
    assert relay.stats()["requests"] == {}


def test_metric_asks_the_endpoint_of_its_arm(run, relay, local):
    """A judge and a model of vectors, each with the key of its own server; recorded under the names of their arms."""
    local.control(models=["umpire", "vectors"])
    more = JUDGE.replace("URL", local.url) + 'api_key_env = "VLLM_API_KEY"\n[semantic]\nmodel = "v"\n[arms.v]\n'
    more += f'model = "vectors"\nbase_url = "{local.url}"\napi_key_env = "VLLM_API_KEY"\n'
    settings = run.settings(more, treatments=("deepseek-v3.2",))
    judge, semantic = settings.metric_arm(settings.table.judge), settings.metric_arm(settings.table.semantic)
    requests = [
        *run.requests(settings, 1),
        run.request(judge, "a", metric="judge"),
        run.request(semantic, "a", metric="semantic", route="embeddings"),
    ]
    fetcher, error = run.run(settings, requests)
    assert error is None
    assert (local.stats()["requests"], keys_at(local)) == (
        {"umpire": 1, "vectors": 1},
        {f"Bearer {OURS_KEY}": 3},
    )
    assert keys_at(relay) == {f"Bearer {KEY}": 3}
    assert ['"arm":"j"' in run.file.read_text(), '"arm":"v"' in run.file.read_text()] == [True, True]
    # Only the arms count as replies: their latencies and errors are compared.
    assert sorted(name for name, _ in fetcher.fetch_stats.replies) == ["control", "deepseek-v3.2"]


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"key": "another"}, ("{url} refused the key: the relay answered 401: Incorrect API key provided\n"
                             "  hint: set VLLM_API_KEY to a key of this relay")),
        ({"models": ["other"], "faults": [{"kind": "404", "message": "no such model", "times": None}]},
         "the relay of arm ours at {url} knows no model 'qwen3-32b'"),
        ({"faults": [{"kind": "402", "times": None}]}, "the account at {url} cannot pay: "),
        ({"faults": [{"kind": "429", "retry_after": 3600, "times": None}]},
         "the relay of arm ours at {url} asks to wait 3600 s"),
        ({"faults": [{"kind": "html", "times": None}], "models": []},
         "{url} is not an OpenAI-compatible relay: "),
    ],
)  # fmt: skip
def test_one_endpoint_that_refuses_ends_the_run_and_loses_nothing(run, relay, local, controls, message):
    """The message names the endpoint; paid replies of the other are kept, and the next run asks only for the rest."""
    settings = run.settings(table(local), concurrency=["2"])
    requests = run.requests(settings, 30)
    local.control(**controls)
    fetcher, error = run.run(settings, requests)
    assert error.startswith(message.format(url=local.url))
    assert fetcher.unfinished == 0
    local.control(key=OURS_KEY, models=[LOCAL], faults=[])
    assert run.run(settings, requests)[1] is None
    assert relay.stats()["requests"][HOSTED] == 30
    assert len({body["messages"][0]["content"] for body in local.stats()["bodies"]}) == 30


def test_recorded_arm_needs_neither_its_endpoint_nor_its_key(run, local, closed_url):
    """Only an endpoint with missing replies is opened."""
    settings = run.settings(table(local))
    requests = run.requests(settings, 3)
    run.run(settings, [request for request in requests if request.arm == "control"])
    run.url = closed_url
    del run.environ["GRAYSPLIT_API_KEY"]
    offline = run.settings(table(local))
    fetcher, error = run.run(offline, run.requests(offline, 3))
    assert error is None
    assert [fetcher.reply(request).replayed for request in run.requests(offline, 3)] == [True, False] * 3


def test_warnings_name_their_endpoint_where_there_are_two(run, relay, local):
    """So that the reader knows which list of models lacks a name."""
    local.control(models=["other"])
    settings = run.settings(table(local))
    fetcher, _ = run.run(settings, run.requests(settings, 1))
    assert fetcher.warnings == (f"{local.url}: the relay lists no model 'qwen3-32b'; it may serve it all the same",)
    alone = run.settings(table(local), control="ours", treatments=(HOSTED,))
    fetcher, _ = run.run(alone, [run.request(alone.arm("ours"), "other")])
    assert fetcher.warnings == ("the relay lists no model 'qwen3-32b'; it may serve it all the same",)


def test_forked_process_opens_its_own_connections(run, relay, local):
    """A fork has the replies of its parent, and asks both servers for others."""
    settings = run.settings(table(local))
    first, second = run.requests(settings, 2)[:2], run.requests(settings, 2)[2:]
    fetcher = run.fetcher(settings)
    fetcher.fetch(first, lambda progress: None, every_s=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            texts = [fetcher.reply(request).text for request in (*first, *second)]
            os._exit(0 if all(texts) and len(set(texts)) == 4 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (relay.stats()["requests"], local.stats()["requests"]) == ({HOSTED: 2}, {LOCAL: 2})


# --- recordings


def test_arms_of_one_model_and_request_at_two_endpoints_have_two_recordings(run, relay, local):
    """The name of the arm is in the key; the plain arm's line has no such field, as before."""
    relay.control(models=[LOCAL])
    settings = run.settings(table(local), control=LOCAL)
    requests = run.requests(settings, 2)
    fetcher, _ = run.run(settings, requests)
    lines = [line for line in run.file.read_text().splitlines() if '"case"' in line]
    assert Counter('"arm":"ours"' in line for line in lines) == {True: 2, False: 2}
    assert (relay.stats()["requests"], local.stats()["requests"]) == ({LOCAL: 2}, {LOCAL: 2})
    replay = run.settings(table(local), control=LOCAL, record=["none"])
    replayed = run.fetcher(replay)
    assert [replayed.reply(request).text for request in requests] == [fetcher.reply(one).text for one in requests]


# --- a refused parameter


def refusing(relay, *params, model="gpt-6"):
    relay.control(faults=[{"kind": "refuses", "params": params, "model": model, "times": None}], models=[HOSTED, model])


def advised(error):
    """Return the lines of a message as a table of pyproject.toml."""
    begin = error.index("    [tool.graysplit")
    return tomllib.loads(error[begin : error.rindex("  [param-refused]")])["tool"]["graysplit"]


def written(tables):
    """Write tables of arms and of the judge as a user would, from the lines of messages."""
    from pytest_graysplit.replies.relay.refused_params import _toml

    lines = []
    for name, arm in tables.get("arms", {}).items():
        lines += [f"[arms.{_toml(name)}]", *(f"{key} = {_toml(value)}" for key, value in arm.items())]
    for section in ("judge", "semantic"):
        if section in tables:
            lines += [f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in tables[section].items())]
    return "\n".join(lines)


def merged(tables, lines):
    return {
        **tables,
        **{
            section: {
                name: {**tables.get(section, {}).get(name, {}), **own} if isinstance(own, dict) and section == "arms" else own
                for name, own in {**tables.get(section, {}), **values}.items()
            }
            for section, values in lines.items()
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"arms": {"gpt-6": {"model": "gpt-6", "unset": ["top_p"], "params": {"seed": 7, "tags": {"a b": [1, "x"]}}}}},
        {"arms": {"gpt-6": {"model": "gpt-6", "params": {"max_tokens": 800, "temperature": 0.5}}}},
        {"arms": {"new": {"model": "gpt-6", "params": {"max_completion_tokens": 800}}}},
    ],
)
def test_lines_of_the_messages_make_the_next_runs_work(run, relay, tables):
    """Two parameters are refused one after the other; each run ends with one message, and the third run works."""
    refusing(relay, "temperature", "max_tokens")
    treatment = next(iter(tables.get("arms", {"gpt-6": None})))
    options = {"param": ["max_tokens=500", "temperature=0"], "concurrency": ["4"]}
    before = tables
    for param in ("temperature", "max_tokens"):
        settings = run.settings(written(tables), treatments=(treatment,), **options)
        refused = relay.stats()["statuses"].get("400", 0)
        fetcher, error = run.run(settings, run.requests(settings, 20))
        assert error.startswith(f"{treatment} refuses the parameter {param}: the relay answered 400: Unsupported")
        assert 1 <= relay.stats()["statuses"]["400"] - refused <= 4
        assert fetcher.unfinished == 0
        tables = merged(tables, advised(error))
    settings = run.settings(written(tables), treatments=(treatment,), **options)
    _, error = run.run(settings, run.requests(settings, 20))
    assert error is None
    bodies = [body for body in relay.stats()["bodies"] if body["model"] == "gpt-6"][-20:]
    own = before.get("arms", {}).get(treatment, {})
    assert {body["max_completion_tokens"] for body in bodies} == {800 if "max" in str(own) else 500}
    assert not [body for body in bodies if {"temperature", "max_tokens", "top_p"} & body.keys()]
    assert {body.get("seed") for body in bodies} == {own.get("params", {}).get("seed")}
    # The control was asked once for each case, in whichever run.
    assert relay.stats()["requests"][HOSTED] == 20


def test_refused_parameter_is_met_once_where_the_first_request_goes_alone(run, relay):
    """A model that the relay does not list begins with one request."""
    refusing(relay, "temperature")
    relay.control(models=[HOSTED])
    settings = run.settings("", treatments=("gpt-6",), param=["temperature=0"])
    _, error = run.run(settings, run.requests(settings, 20))
    assert error.startswith("gpt-6 refuses the parameter temperature: ")
    assert relay.stats()["statuses"]["400"] == 1


def test_parameter_of_one_case_fails_only_that_case(run, relay):
    """The arm does not send it with other requests, so the run goes on."""
    refusing(relay, "temperature", "seed")
    settings = run.settings("", treatments=("gpt-6",), param=["seed=1"])
    arm = settings.arm("gpt-6")
    free = run.settings("", treatments=("gpt-6",)).arm("gpt-6")
    requests = [run.request(free, "a", temperature=0), run.request(free, "b"), run.request(free, "c", seed=2)]
    fetcher, error = run.run(settings, requests)
    assert error is None
    replies = [fetcher.reply(request) for request in requests]
    assert [reply.error_slug for reply in replies] == ["param-refused", None, "param-refused"]
    assert arm.params == {"seed": 1}


def test_parameter_that_other_cases_were_answered_with_fails_only_its_case(run, relay):
    """A relay that refuses it once may do so for the content of a case."""
    relay.control(models=[HOSTED, "gpt-6"], faults=[{"kind": "param-400", "param": "temperature", "match": "odd"}])
    settings = run.settings("", treatments=("gpt-6",), param=["temperature=0"], concurrency=["1"])
    arm = settings.arm("gpt-6")
    requests = [run.request(arm, name) for name in ("even", "odd", "other")]
    fetcher, error = run.run(settings, requests)
    assert error is None
    assert [fetcher.reply(request).outcome for request in requests] == ["ok", "error", "ok"]


@pytest.mark.parametrize(
    ("text", "begin", "lines"),
    [
        ('[judge]\nmodel = "gpt-6"\nparams = { temperature = 0, seed = 1 }', "gpt-6",
         {"judge": {"params": {"seed": 1}}}),
        ('[judge]\nmodel = "gpt-6"\nparams = { max_tokens = 50 }', "gpt-6",
         {"judge": {"params": {"max_completion_tokens": 50}}}),
        ('[judge]\nmodel = "j"\n[arms.j]\nmodel = "gpt-6"\nparams = { temperature = 0 }', "j",
         {"arms": {"j": {"unset": ["temperature"]}}}),
        ('[judge]\nmodel = "j"\nparams = { seed = 1 }\n[arms.j]\nmodel = "gpt-6"\nparams = { max_tokens = 9, top_p = 1 }', "j",
         {"arms": {"j": {"unset": ["max_tokens"], "params": {"top_p": 1, "max_completion_tokens": 9}}}}),
    ],
)  # fmt: skip
def test_parameter_of_the_judge_names_its_own_section(run, relay, text, begin, lines):
    """Also where an arm of the same name was answered: the judge has parameters of its own."""
    refusing(relay, "temperature", "max_tokens")
    settings = run.settings(text, treatments=(begin,), concurrency=["1"])
    judge = settings.metric_arm(settings.table.judge)
    answered = run.settings("[arms.j]\nmodel = 'gpt-6'").arm(begin)
    requests = [run.request(answered, "arm"), run.request(judge, "judged", metric="judge")]
    _, error = run.run(settings, requests)
    param = "max_tokens" if "max_tokens" in text else "temperature"
    assert error.startswith(
        f"{begin}, asked by the metric judge, refuses the parameter {param}: the relay answered 400"
    )
    assert advised(error) == lines
    tables = merged(tomllib.loads(text), advised(error))
    tables["judge"] = {**tomllib.loads(text)["judge"], **tables["judge"]}
    settings = run.settings(written(tables), treatments=(begin,))
    judge = settings.metric_arm(settings.table.judge)
    assert run.run(settings, [run.request(judge, "judged", metric="judge")])[1] is None


def test_parameter_of_embeddings_names_its_own_section(run, relay):
    """Vectors of 64 dimensions are refused by a model that has one size."""
    fault = {"kind": "param-400", "param": "dimensions", "times": None}
    relay.control(faults=[fault], models=[HOSTED, "embedder"])
    settings = run.settings('[semantic]\nmodel = "embedder"\nparams = { dimensions = 64 }')
    arm = settings.metric_arm(settings.table.semantic)
    request = run.request(arm, "a", metric="semantic", route="embeddings")
    _, error = run.run(settings, [request])
    assert error.startswith("embedder, asked by the metric semantic, refuses the parameter dimensions: ")
    assert advised(error) == {"semantic": {"params": {}}}
