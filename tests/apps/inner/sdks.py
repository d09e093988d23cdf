"""Applications on the SDKs that people use, each as one test; a run of pytest inside of test_sdks.py runs them.

Each asks for the model of the control, and has the model of the arm in its answers: the loopback relay names it there.
"""

import asyncio
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

MODEL = "claude-sonnet-4.5"
ASKED = [{"role": "user", "content": "How long may I send a lamp back?"}]
TOOL = {
    "name": "find_order",
    "description": "Find an order by its number.",
    "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
}
app_test = pytest.mark.graysplit(min_similarity=0.1)


def check(app, text, calls, route="chat"):
    """Check the answer of an application, and the replies that its calls got."""
    app.output = text
    assert f"Answer of {app.model} to: {ASKED[0]['content']}" in text
    assert [reply.route for reply in app.calls] == [route] * calls
    assert all(reply.model == app.model and reply.outcome == "ok" for reply in app.calls)
    assert app.usage.prompt > 0
    assert app.usage.completion > 0
    assert app.latency_s > 0


try:
    import openai
except ImportError:
    openai = None
else:
    # Made at import like in most applications: it knows the address of the vendor and a key that must go nowhere.
    CLIENT = openai.OpenAI(api_key="key-of-the-application", base_url="https://api.openai.com/v1")
needs_openai = pytest.mark.skipif(openai is None, reason="openai is not installed")


@needs_openai
@app_test
def test_openai_chat(graysplit_app):
    """Threads share one client, and a loop of two calls uses a tool."""

    def ask(_):
        answer = CLIENT.chat.completions.create(model=MODEL, messages=ASKED, temperature=0)
        return answer.choices[0].message.content

    with ThreadPoolExecutor(3) as pool:
        texts = list(pool.map(ask, range(3)))
    assert len(set(texts)) == 1
    check(graysplit_app, texts[0], 3)


@needs_openai
@app_test
def test_openai_tool_loop(graysplit_app):
    messages = [{"role": "user", "content": "Where is order 17?"}]
    tools = [{"type": "function", "function": TOOL}]
    while True:
        message = CLIENT.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        messages.append(message)
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            number = json.loads(call.function.arguments)["number"]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"order {number} is on its way"})
    graysplit_app.output = message.content
    assert message.content == "Order 17 is on its way."
    assert [call.name for call in graysplit_app.tool_calls] == ["find_order"]
    assert len(graysplit_app.calls) == 2


@needs_openai
@app_test
def test_openai_async(graysplit_app):
    async def ask_all():
        async with openai.AsyncOpenAI() as client:
            asked = (client.chat.completions.create(model=MODEL, messages=ASKED, seed=seed) for seed in range(4))
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask_all())
    assert {answer.choices[0].message.content[-8:] for answer in answers} == {f"(seed {seed})" for seed in range(4)}
    check(graysplit_app, answers[0].choices[0].message.content, 4)


@needs_openai
@app_test
def test_openai_stream(graysplit_app):
    with CLIENT.chat.completions.create(model=MODEL, messages=ASKED, stream=True) as stream:
        chunks = list(stream)
    assert all(chunk.choices for chunk in chunks)  # the usage was not asked for
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    async def ask():
        async with openai.AsyncOpenAI() as client:
            options = {"include_usage": True}
            stream = await client.chat.completions.create(
                model=MODEL, messages=ASKED, stream=True, stream_options=options
            )
            return [chunk async for chunk in stream]

    chunks = asyncio.run(ask())
    assert chunks[-1].usage.completion_tokens > 0
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == text
    check(graysplit_app, text, 2)


@needs_openai
@app_test
def test_openai_responses(graysplit_app):
    answer = CLIENT.responses.create(model=MODEL, input=ASKED[0]["content"])
    with CLIENT.responses.create(model=MODEL, input=ASKED[0]["content"], stream=True) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert text == answer.output_text
    check(graysplit_app, answer.output_text, 2, "responses")


@needs_openai
@app_test
def test_openai_embeddings(graysplit_app):
    """Another model than the one under test: it gets the key and the address that the user's environment has."""
    texts = ["A lamp may go back for 30 days.", "We ship to Malta."]
    with openai.OpenAI() as client:
        vectors = [row.embedding for row in client.embeddings.create(model="text-embedding-3-small", input=texts).data]
        answer = client.chat.completions.create(model=MODEL, messages=ASKED).choices[0].message.content
    assert len(vectors) == 2
    assert vectors[0] != vectors[1]
    graysplit_app.output = answer
    assert [(reply.route, reply.model) for reply in graysplit_app.calls] == [
        ("embeddings", "text-embedding-3-small"),
        ("chat", graysplit_app.model),
    ]


@needs_openai
@app_test
def test_openai_errors(graysplit_app):
    """An error of the gateway is one that the SDK knows and does not try again; the test itself passes."""
    sent = []
    client = openai.OpenAI(http_client=openai.DefaultHttpxClient(event_hooks={"request": [sent.append]}))
    with pytest.raises(openai.APIStatusError, match="does not answer") as caught:
        client.completions.create(model=MODEL, prompt="Once")
    assert (caught.value.status_code, len(sent)) == (501, 1)


@app_test
def test_anthropic(graysplit_app):
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.Anthropic()
    answer = client.messages.create(model=MODEL, max_tokens=100, messages=ASKED)
    with client.messages.stream(model=MODEL, max_tokens=100, messages=ASKED) as stream:
        text = stream.get_final_text()
    assert text == answer.content[0].text
    check(graysplit_app, text, 2, "messages")


@app_test
def test_litellm(graysplit_app):
    litellm = pytest.importorskip("litellm")

    async def ask():
        answer = await litellm.acompletion(f"openai/{MODEL}", ASKED)
        return answer.choices[0].message.content

    text = litellm.completion(f"openai/{MODEL}", ASKED).choices[0].message.content
    assert text == asyncio.run(ask())
    check(graysplit_app, text, 2)


@app_test
def test_pydantic_ai(graysplit_app):
    pydantic_ai = pytest.importorskip("pydantic_ai")
    models = pytest.importorskip("pydantic_ai.models.openai")
    agent = pydantic_ai.Agent(models.OpenAIChatModel(MODEL))
    found = []

    @agent.tool_plain
    def find_order(number: int) -> str:
        found.append(number)
        return f"order {number} is on its way"

    answer = agent.run_sync("Where is order 17?").output
    graysplit_app.output = answer
    assert (answer, found) == ("Order 17 is on its way.", [17])
    assert len(graysplit_app.calls) == 2


@app_test
def test_langchain_openai(graysplit_app):
    langchain_openai = pytest.importorskip("langchain_openai")
    chat = langchain_openai.ChatOpenAI(model=MODEL)
    text = chat.invoke(ASKED[0]["content"]).content
    assert "".join(chunk.content for chunk in chat.stream(ASKED[0]["content"])) == text
    check(graysplit_app, text, 2)


@app_test
def test_requests(graysplit_app):
    requests = pytest.importorskip("requests")
    key = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    address = f"{os.environ['OPENAI_BASE_URL']}/chat/completions"
    body = {"model": MODEL, "messages": ASKED}
    text = requests.post(address, json=body, headers=key, timeout=20).json()["choices"][0]["message"]["content"]
    with requests.post(address, json={**body, "stream": True}, headers=key, stream=True, timeout=20) as answer:
        events = [line.removeprefix(b"data: ") for line in answer.iter_lines() if line]
    assert events[-1] == b"[DONE]"
    check(graysplit_app, text, 2)


@app_test
def test_aiohttp(graysplit_app):
    aiohttp = pytest.importorskip("aiohttp")

    async def ask(session, seed):
        body = {"model": MODEL, "messages": ASKED, "seed": seed}
        async with session.post(f"{graysplit_app.base_url}/chat/completions", json=body) as answer:
            return (await answer.json())["choices"][0]["message"]["content"]

    async def ask_all():
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(ask(session, seed) for seed in range(3)))

    texts = asyncio.run(ask_all())
    check(graysplit_app, texts[0], 3)


SCRIPT = """
const body = JSON.stringify({model: process.argv[1], messages: JSON.parse(process.argv[2])});
const headers = {"content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}`};
fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {method: "POST", body, headers})
  .then(answer => answer.json()).then(answer => console.log(answer.choices[0].message.content));
"""
CURL = 'curl -sS "$OPENAI_BASE_URL/chat/completions" -H "content-type: application/json" -d @-'


@app_test
@pytest.mark.parametrize("program", ["curl", "node"])
def test_subprocess(graysplit_app, program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    body = json.dumps({"model": MODEL, "messages": ASKED})
    command = ["sh", "-c", CURL] if program == "curl" else ["node", "-e", SCRIPT, MODEL, json.dumps(ASKED)]
    answer = subprocess.run(command, input=body, capture_output=True, text=True, check=True, timeout=30)
    output = answer.stdout
    if program == "curl":
        output = json.loads(output)["choices"][0]["message"]["content"]
    variables = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "made-up-key" not in variables
    check(graysplit_app, output.strip(), 1)
