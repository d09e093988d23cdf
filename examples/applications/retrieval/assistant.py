"""Answers from the shop's own pages: an embedding finds the nearest ones, and a model answers from them, as JSON.

`python assistant.py` writes the index, as a nightly job would.
"""

from pathlib import Path

from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field

MODEL = "qwen2.5-coder-1.5b"
EMBEDDINGS = "multilingual-e5-small"
INDEX = Path(__file__).with_name("index.json")
TASK = "Answer the customer from these pages of the shop, in one sentence.\n\n{pages}\n\nCustomer: {question}"
PAGES = {
    "returns": "Lamps may be sent back within 30 days if they are unused.",
    "labels": "The label for sending something back is free. It is on our page of returns.",
    "refunds": "The money arrives 5 to 7 working days after we have your parcel.",
    "shipping": "A parcel takes 2 to 4 working days in the EU.",
    "shipping costs": "Shipping costs 4.90 EUR. Above 60 EUR it is free.",
    "warranty": "Lamps have a warranty of 2 years.",
    "rugs": "Rugs are made to order. They can be returned only if they are faulty.",
    "hours": "You can call us from Monday to Friday, 9:00 to 17:00.",
    "bulbs": "Our lamps take bulbs with an E27 socket, up to 40 watts.",
    "payment": "You can pay by card, by bank transfer or by invoice.",
}


class Answer(BaseModel):
    """An answer to a customer, and the page it is from."""

    page: str = Field(description="the name of the page with the answer")
    text: str = Field(description="one sentence for the customer")


def embeddings():
    """Return the client of the embedding model; texts are sent as they are, not as tokens."""
    return OpenAIEmbeddings(model=EMBEDDINGS, check_embedding_ctx_length=False)


def answer(question):
    """Return the answer to a question."""
    store = InMemoryVectorStore.load(str(INDEX), embeddings())
    found = store.similarity_search(question, k=3)
    pages = "\n".join(f"{page.metadata['page']}: {page.page_content}" for page in found)
    model = ChatOpenAI(model=MODEL, temperature=0, max_tokens=100).with_structured_output(Answer)
    return model.invoke(TASK.format(pages=pages, question=question))


def main():
    store = InMemoryVectorStore(embeddings())
    store.add_texts(list(PAGES.values()), [{"page": name} for name in PAGES], ids=list(PAGES))
    store.dump(str(INDEX))


if __name__ == "__main__":
    main()
