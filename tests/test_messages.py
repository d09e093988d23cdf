"""Slugs and docs/messages.md: every slug has a heading, every heading a slug, and the package uses each."""

import inspect
import re
from pathlib import Path

import pytest

import pytest_graysplit
from pytest_graysplit.errors import Slug, UsageError
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


def test_slugs_and_headings_are_equal_and_in_one_order():
    """Every slug can be looked up, and every section belongs to a slug."""
    assert [slug.value for slug in Slug] == headings(2)


def test_every_slug_is_used_by_the_package():
    """A slug is deleted together with its message."""
    used = set(re.findall(r"\bSlug\.([A-Z_]+)", "\n".join(CODE.values())))
    assert used == {slug.name for slug in Slug}


def test_slugs_are_taken_from_the_enum():
    """mypy finds a typing error in an enum member, but not in a text."""
    written = {
        (name, text) for name, code in CODE.items() for text in re.findall(r"[\"'\[]([a-z]+(?:-[a-z]+)+)[\"'\]]", code)
    }
    kinds_of_miss = {"latency-ratio"}  # also the name of a kind of miss
    assert {(name, text) for name, text in written if text in {*Slug} - kinds_of_miss} == set()


def test_slug_is_plain_text():
    """Reports, recordings and prints show a slug as a text."""
    slug = Slug.NO_REPLY
    assert (slug, f"{slug}", repr(slug)) == ("no-reply", "no-reply", "'no-reply'")
    assert type(sendable(slug)) is str  # xdist sends no subclass of it


def test_url_of_an_error_leads_to_its_section():
    """The file is there, and the anchor is a heading in it."""
    page, _, anchor = UsageError("problem", hint="hint", slug=Slug.CASE_REGEX).url.partition("#")
    assert PACKAGE.parent / page == MESSAGES
    assert anchor in headings(2)


def test_every_heading_has_a_short_explanation():
    """Each section says what to do, in at most 160 words."""
    sections = re.split(r"^## ", MESSAGES.read_text(), flags=re.MULTILINE)[1:]
    assert [section for section in sections if not 20 <= len(section.split()) <= 160] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PACKAGE.parent).as_posix())
def test_links_between_pages_have_a_target(page):
    """A link to another page, or to a heading of it, leads to an existing one."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        titles = re.findall(r"^#+ (.+)$", linked.read_text(), flags=re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
