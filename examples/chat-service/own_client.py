"""A service with a client of its own, the openai package: its requests are counted, logged and graded all the same.

    uvicorn relay:app --port 8801 &
    pip install openai
    GRAYSPLIT_BASE_URL=http://127.0.0.1:8801/v1 python own_client.py

`client.assign` says which arm a user has, and `client.record` says how the request ended.
"""

import asyncio
import importlib.util
import os
import sys
import time

from pytest_graysplit import SplitClient, load_splitter


async def answer(openai, client, user, messages):
    """Ask for a whole answer; return its text, and its id for feedback."""
    assignment, began = client.assign(user), time.perf_counter()
    try:
        completion = await openai.chat.completions.create(
            **assignment.body(messages, max_tokens=120), extra_headers=assignment.headers
        )
    except BaseException as error:  # also if the user goes away
        client.record(assignment, error=error, latency_s=time.perf_counter() - began, messages=messages)
        raise
    waited_s = time.perf_counter() - began
    request_id = client.record(assignment, reply=completion, latency_s=waited_s, messages=messages)
    return completion.choices[0].message.content, request_id


async def pieces(openai, client, user, messages):
    """Ask for an answer in pieces, and yield them; it is recorded when they end, or when the user goes away."""
    assignment, began = client.assign(user), time.perf_counter()
    text, usage, ttft_s, failed = "", None, None, None
    try:
        body = assignment.body(messages, max_tokens=120, stream=True, stream_options={"include_usage": True})
        async for chunk in await openai.chat.completions.create(**body, extra_headers=assignment.headers):
            usage = chunk.usage or usage
            if chunk.choices and (piece := chunk.choices[0].delta.content):
                ttft_s = ttft_s or time.perf_counter() - began
                text += piece
                yield piece
    except BaseException as error:
        failed = error
        raise
    finally:
        client.record(
            assignment,
            error=failed,
            text=text,
            usage=usage,
            ttft_s=ttft_s,
            latency_s=time.perf_counter() - began,
            messages=messages,
        )


async def main():
    """Ask some questions, and print the answers and the sums."""
    from openai import AsyncOpenAI
    from relay import QUESTIONS

    url = os.environ["GRAYSPLIT_BASE_URL"]
    async with (
        AsyncOpenAI(base_url=url, api_key=os.environ.get("GRAYSPLIT_API_KEY", "none")) as openai,
        SplitClient(load_splitter("support"), project="pyproject.toml", log="traffic.jsonl") as client,
    ):
        for number, question in enumerate(QUESTIONS[:5]):
            text, request_id = await answer(openai, client, f"user-{number}", [{"role": "user", "content": question}])
            client.feedback(request_id, 1.0)
            print(f"{question} {text}")
        print(
            "".join(
                [piece async for piece in pieces(openai, client, "user-9", [{"role": "user", "content": question}])]
            )
        )
        for arm in client.monitor.report()["arms"]:
            print(f"{arm['arm']}: {arm['requests']} requests, {arm['passed']} passed")


if __name__ == "__main__":
    if importlib.util.find_spec("openai") is None:
        sys.exit("this example asks with the openai package: pip install openai")
    asyncio.run(main())
