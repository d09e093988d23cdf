import pytest
from assistant import PAGES, answer

from pytest_graysplit import App


@pytest.mark.graysplit(cases="questions.yaml", json_fields={"text": "lexical"})
def test_assistant(graysplit_app: App):
    graysplit_app.output = answer(graysplit_app.case.prompt)
    page = graysplit_app.output.page
    assert page in PAGES, f"no page is called {page!r}"
