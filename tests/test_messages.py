"""Every slug has its heading in docs/messages.md, every heading its slug, and the package uses each."""

import inspect
import re
from pathlib import Path

import pytest

import pytest_graysplit
from pytest_graysplit.errors import Slug
from pytest_graysplit.plugin.workers import sendable

PACKAGE = Path(pytest_graysplit.__file__).parent
MESSAGES = PACKAGE.parent / "docs" / "messages.md"
FOLDERS = (".", "docs", "benchmarks", "examples/*")
PAGES = sorted(page for folder in FOLDERS for page in PACKAGE.parent.glob(f"{folder}/*.md"))
CODE = {
    path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != Path(inspect.getfile(Slug))
}


def headings(level):
    lines = re.sub(r"```.*?```", "", MESSAGES.read_text(), flags=re.DOTALL).splitlines()
    return [line[level + 1 :] for line in lines if line.startswith(f"{'#' * level} ")]


def test_every_slug_has_a_heading_and_every_heading_a_slug():
    """A slug can be looked up, in the order of the documentation, and no section explains a slug that is not there."""
    assert [slug.value for slug in Slug] == headings(2)


def test_the_package_uses_every_slug():
    """No slug is left over when its message goes."""
    used = set(re.findall(r"\bSlug\.([A-Z_]+)", "\n".join(CODE.values())))
    assert used == {slug.name for slug in Slug}


def test_no_slug_is_written_out():
    """A message takes its slug from the enum, where a typing error does not pass mypy."""
    written = {
        (name, text) for name, code in CODE.items() for text in re.findall(r"[\"'\[]([a-z]+(?:-[a-z]+)+)[\"'\]]", code)
    }
    kinds_of_miss = {"latency-ratio"}  # also the name of a kind of miss
    assert {(name, text) for name, text in written if text in {*Slug} - kinds_of_miss} == set()


def test_a_slug_is_the_plain_text_of_its_heading():
    """Reports, recordings and prints show a slug as a text, and its URL leads to its section."""
    slug = Slug.NO_REPLY
    assert (slug, f"{slug}", repr(slug)) == ("no-reply", "no-reply", "'no-reply'")
    assert type(sendable(slug)) is str  # xdist sends no subclass of it
    assert slug.url == "docs/messages.md#no-reply"


def test_every_heading_is_explained():
    """No heading stands alone: each has a text that says what to do, and is no page long."""
    sections = re.split(r"^## ", MESSAGES.read_text(), flags=re.MULTILINE)[1:]
    assert [section for section in sections if not 20 <= len(section.split()) <= 160] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PACKAGE.parent).as_posix())
def test_links_between_the_pages_lead_somewhere(page):
    """A link to another file of the documentation, or to a heading of one, finds it."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        titles = re.findall(r"^#+ (.+)$", linked.read_text(), flags=re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
