import pytest
from assistant import PAGES, answer

from pytest_graysplit import App


@pytest.mark.graysplit(cases="questions.yaml", json_fields={"text": "lexical"})
def test_assistant(graysplit_app: App):
    graysplit_app.output = reply = answer(graysplit_app.case.prompt)
    assert reply.page in PAGES, f"no page is called {reply.page!r}"
