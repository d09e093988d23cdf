"""A support agent: it asks a model, runs the tools that the model calls, and asks again until the model answers."""

from openai import OpenAI

MODEL = "qwen2.5-coder-1.5b"
SYSTEM = (
    "You are the support agent of a lamp shop. Call find_order to learn about an order. Call refund only if the "
    "customer asks for the money back. As soon as you have the result of a tool, call nothing and answer the customer "
    "in one short sentence with the facts of the result."
)
ORDER = {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}
TOOLS = [
    {"type": "function", "function": {"name": "find_order", "description": "Look an order up.", "parameters": ORDER}},
    {"type": "function", "function": {"name": "refund", "description": "Pay an order back.", "parameters": ORDER}},
]
MAX_ROUNDS = 5


def answer(ticket, shop):
    """Return the answer to a customer; the tools act on the shop."""
    client = OpenAI()  # its address and its key come from the environment
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ticket}]
    for _ in range(MAX_ROUNDS):
        completion = client.chat.completions.create(
            model=MODEL, messages=messages, tools=TOOLS, temperature=0, max_tokens=80
        )
        message = completion.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            result = shop.call(call.function.name, call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return "A colleague will answer you."
