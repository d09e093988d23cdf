"""Which model answers: that of the arm for the names that are swapped, and the one that was asked for otherwise."""

import pytest
from app_project import CONTROL, OTHER, TREATMENT, chat, post

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.errors import UsageError
from pytest_graysplit.gateway.app_run import IncomingCall, Upstream
from pytest_graysplit.gateway.swapping import swapped_body
from pytest_graysplit.gateway.upstream import OWN, key_of, passed_headers, upstream_access
from pytest_graysplit.types import Secret

EMBEDDER = "text-embedding-3-small"
TALK = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]


def arm(**fields):
    return Arm(name="cheap", model=TREATMENT, **fields)


# --- the body of an arm


def test_own_params_of_the_arm_win_and_options_of_the_run_do_not_count():
    sent = swapped_body(
        arm(params={"seed": 1, "top_p": 0.5, "temperature": 0}, own_params={"temperature": 0}, unset=("stop",)),
        chat("Hi", temperature=1, stop="x", user="me"),
        "chat",
    )
    assert sent == {"messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "user": "me"}


def test_body_of_a_plain_arm_is_that_of_the_application():
    body = chat("Hi", temperature=1, tools=[], stream=True)
    assert swapped_body(arm(), body, "chat") == {name: value for name, value in body.items() if name != "model"}


@pytest.mark.parametrize("own", [arm(own_params={"stream": False, "model": "x"}), arm(unset=("stream",))])
def test_application_decides_whether_its_answer_is_a_stream(own):
    """It would not read an answer of the other form."""
    assert swapped_body(own, {"model": "y", "stream": True}, "chat") == {"stream": True}


@pytest.mark.parametrize(
    ("route", "name"), [("chat", "max_tokens"), ("responses", "max_output_tokens"), ("messages", "max_tokens")]
)
def test_limit_on_tokens_is_set_once_under_the_name_of_the_route(route, name):
    body = {"max_completion_tokens": 900, "max_output_tokens": 900}
    assert swapped_body(arm(own_params={"max_tokens": 5}), body, route) == {name: 5}


def test_effort_is_set_under_the_name_of_the_route():
    own = arm(own_params={"reasoning_effort": "low"})
    assert swapped_body(own, {"reasoning": {"summary": "auto"}}, "responses") == {
        "reasoning": {"summary": "auto", "effort": "low"}
    }
    assert swapped_body(own, {}, "chat") == {"reasoning_effort": "low"}


def test_params_about_answers_are_not_sent_for_vectors():
    own = arm(own_params={"temperature": 0, "dimensions": 8})
    assert swapped_body(own, {"input": "x", "dimensions": 64}, "embeddings") == {"input": "x", "dimensions": 8}


@pytest.mark.parametrize(
    ("route", "body", "expected"),
    [
        ("chat", {"messages": TALK}, {"messages": [{"role": "system", "content": "Be short."}, TALK[1]]}),
        ("chat", {"messages": TALK[1:]}, {"messages": [{"role": "system", "content": "Be short."}, TALK[1]]}),
        ("responses", {"input": "Hi"}, {"input": "Hi", "instructions": "Be short."}),
        (
            "responses",
            {"input": TALK, "instructions": "Be kind."},
            {"input": TALK[1:], "instructions": "Be short."},
        ),
        ("messages", {"messages": TALK[1:], "system": "x"}, {"messages": TALK[1:], "system": "Be short."}),
        ("embeddings", {"input": "x"}, {"input": "x"}),
    ],
)
def test_system_prompt_of_the_arm_replaces_that_of_the_application(route, body, expected):
    assert swapped_body(arm(system="Be short."), body, route) == expected


def test_body_of_the_application_is_not_changed():
    body = {"model": "x", "messages": [dict(message) for message in TALK]}
    swapped_body(arm(system="Be short.", own_params={"seed": 1}), body, "chat")
    assert body == {"model": "x", "messages": TALK}


# --- whole requests


def test_aliases_are_swapped_and_other_models_are_not(project, relay):
    gateway = project.gateway()
    with project.item(gateway, "treatment", TREATMENT, swapped=frozenset({CONTROL, "sonnet"})) as calls:
        for model in (CONTROL, "sonnet", OTHER, f"openai/{CONTROL}"):
            post(f"{gateway.base_url}/chat/completions", chat("Hi", model=model))
    assert [body["model"] for body in relay.stats()["bodies"]] == [TREATMENT, TREATMENT, OTHER, f"openai/{CONTROL}"]
    assert [reply.model for reply in calls.replies] == [TREATMENT, TREATMENT, OTHER, f"openai/{CONTROL}"]
    assert [reply.model for reply in calls.swapped_replies] == [TREATMENT, TREATMENT]
    assert calls.asked == {CONTROL: 1, "sonnet": 1, OTHER: 1, f"openai/{CONTROL}": 1}


def test_other_models_have_the_key_of_the_user(project, relay):
    """They pass to the address of the user's environment; headers of the connection and the token do not."""
    gateway = project.gateway()
    headers = {"authorization": f"Bearer {gateway.token}", "cookie": "a=b", "openai-project": "p1", "user-agent": "x"}
    with project.item(gateway):
        post(f"{gateway.base_url}/embeddings", {"model": EMBEDDER, "input": ["one", "two"]}, headers)
    sent = relay.stats()["headers"]
    assert sent["authorization"] == "Bearer a-key-of-the-user"
    assert sent["openai-project"] == "p1"
    assert "cookie" not in sent
    assert gateway.token not in str(sent)


def test_arm_does_not_get_the_account_of_the_application(project, relay):
    gateway = project.gateway()
    headers = {"openai-project": "p1", "openai-beta": "assistants=v2", "authorization": "Bearer x"}
    with project.item(gateway):
        post(f"{gateway.base_url}/chat/completions", chat("Hi"), headers)
    sent = relay.stats()["headers"]
    assert (sent.get("openai-project"), sent["openai-beta"], sent.get("authorization")) == (None, "assistants=v2", None)


def test_equal_requests_for_other_models_are_paid_once_for_both_arms(project, relay):
    """Both arms count them, and a replay finds them for both."""
    answers = []
    for record in ("new", "none"):
        gateway = project.gateway(record)
        for arm_name, model in (("control", CONTROL), ("treatment", TREATMENT)):
            with project.item(gateway, arm_name, model) as calls:
                asked = {"model": EMBEDDER, "input": ["one", "two"]}
                answers.append(post(f"{gateway.base_url}/embeddings", asked).json)
                post(f"{gateway.base_url}/chat/completions", chat("Hi"))
            assert [(reply.model, reply.route) for reply in calls.replies] == [
                (EMBEDDER, "embeddings"),
                (model, "chat"),
            ]
        project.merge()
    assert answers == [answers[0]] * 4
    assert len(answers[0]["data"]) == 2
    assert relay.stats()["requests"] == {EMBEDDER: 1, CONTROL: 1, TREATMENT: 1}


def test_failure_of_another_model_ends_nothing_else(project, relay):
    """Its endpoint refuses the key, and the models under test go on."""
    project.environ["OPENAI_API_KEY"] = "a-wrong-key"
    relay.control(key="the-right-key")
    gateway = project.gateway()
    config = Arm.plain(CONTROL, Access(base_url=relay.url, key=Secret("the-right-key")))
    headers = {"authorization": f"Bearer {gateway.token}"}
    with project.item(gateway, config=config) as calls:
        other = post(f"{gateway.base_url}/embeddings", {"model": EMBEDDER, "input": "x"}, headers)
        own = post(f"{gateway.base_url}/chat/completions", chat("Hi"))
    assert (other.status, own.status, calls.problem) == (401, 200, None)


def test_requests_of_one_test_are_numbered_by_body(project, relay):
    relay.control(script=[{"text": "first", "messages": 1}])
    gateway = project.gateway()
    with project.item(gateway) as calls:
        for text in ("a", "b", "a"):
            post(f"{gateway.base_url}/chat/completions", chat(text))
    assert [(call.key.call, call.swapped) for call in calls._calls] == [(0, True), (0, True), (1, True)]
    assert len({call.key.request for call in calls._calls}) == 2


# --- the endpoint of a request that passes


def call(upstream=None, key="TOKEN"):
    return IncomingCall(
        "POST", "/embeddings", {} if key is None else {"authorization": f"Bearer {key}"}, b"{}", upstream
    )


@pytest.mark.parametrize(
    ("route", "environ", "base_url", "key"),
    [
        ("embeddings", {}, "https://api.openai.com/v1", None),
        ("chat", {"OPENAI_API_KEY": " k ", "OPENAI_BASE_URL": "http://h:1/v1/"}, "http://h:1/v1", "k"),
        ("chat", {"OPENAI_API_KEY": "k", "OPENAI_API_BASE": "http://h:2/v1"}, "http://h:2/v1", "k"),
        ("messages", {"OPENAI_API_KEY": "k"}, "https://api.anthropic.com/v1", None),
        ("messages", {"ANTHROPIC_API_KEY": "a", "ANTHROPIC_BASE_URL": "http://h:3/"}, "http://h:3/v1", "a"),
    ],
)
def test_environment_of_the_user_says_where_a_request_goes(route, environ, base_url, key):
    access = upstream_access(call(), route, environ, "TOKEN")
    assert (access.base_url, access.key and access.key.reveal()) == (base_url, key)


USERS = {"OPENAI_API_KEY": "k", "OPENROUTER_API_KEY": "r", "ANTHROPIC_API_KEY": "a"}


@pytest.mark.parametrize(
    ("given", "key", "variable"),
    [
        ("own", "own", OWN),
        ("TOKEN", "k", "OPENAI_API_KEY"),
        ("TOKEN.OPENROUTER_API_KEY", "r", "OPENROUTER_API_KEY"),
        ("TOKEN.TEAM_KEY", None, "TEAM_KEY"),
        ("OTHER.OPENAI_API_KEY", "OTHER.OPENAI_API_KEY", OWN),
        (None, None, OWN),
    ],
)
@pytest.mark.parametrize("address", ["https://other.example/v1", None])
def test_request_has_the_key_that_it_would_have_had_and_no_other(address, given, key, variable):
    """A client that was made during the test has the token of a variable; the key of another variable never leaves."""
    upstream = None if address is None else Upstream(address, given and Secret(given))
    access = upstream_access(call(upstream, given), "embeddings", USERS, "TOKEN")
    assert access.base_url == (address or "https://api.openai.com/v1")
    assert (access.key and access.key.reveal(), access.variable) == (key, variable)


def test_token_alone_means_the_key_of_the_api():
    assert upstream_access(call(), "messages", USERS, "TOKEN").key.reveal() == "a"


@pytest.mark.parametrize(
    "headers", [{"authorization": "bearer  k"}, {"x-api-key": "k"}, {"api-key": "k"}, {"authorization": "Basic x", "x-api-key": "k"}]
)  # fmt: skip
def test_key_is_read_from_the_header_of_each_api(headers):
    assert key_of(headers).reveal() == "k"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}, {"authorization": "Bearer "}])
def test_request_without_a_key_has_none(headers):
    assert key_of(headers) is None


def test_address_that_cannot_be_used_is_named():
    with pytest.raises(UsageError, match=r"a request of the application cannot be passed on: its address is not an"):
        upstream_access(call(), "chat", {"OPENAI_BASE_URL": "localhost"}, "TOKEN")


def test_headers_that_cannot_be_sent_are_left_out():
    headers = {"anthropic-beta": "a\nb", "anthropic-version": "2023-06-01", "x-title": "Ä"}
    assert passed_headers(headers, of_account=True) == {"anthropic-version": "2023-06-01"}
