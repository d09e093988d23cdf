"""Every message of the package that names a heading finds it in docs/messages.md, and no heading is left over."""

import ast
import re
from pathlib import Path

import pytest

import pytest_graysplit
from pytest_graysplit.checks import held

PACKAGE = Path(pytest_graysplit.__file__).parent
MESSAGES = PACKAGE.parent / "docs" / "messages.md"
SLUG = re.compile(r"[a-z]+(?:-[a-z]+)+")
# A slug that is put together, and what it can become.
PUT_TOGETHER = {"outcome-*": {f"outcome-{outcome}" for outcome in held._OUTCOMES}}
TREES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def nodes(kind):
    """Every node of a kind in the package, and where it stands."""
    for name, tree in TREES.items():
        yield from ((f"{name}:{node.lineno}", node) for node in ast.walk(tree) if isinstance(node, kind))


def places_of_slug():
    """Where `slug` stands among the positional arguments of whatever takes it: a function, a method, a record."""
    places = {}
    for _, function in nodes(ast.FunctionDef):
        names = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
        if "slug" in names:
            places[function.name] = names.index("slug")
    for _, record in nodes(ast.ClassDef):
        names = [line.target.id for line in record.body if isinstance(line, ast.AnnAssign)]
        if "slug" in names:
            places[record.name] = names.index("slug")
    return places


def expressions():
    """Every expression that gives a message its slug."""
    places = places_of_slug()
    for where, call in nodes(ast.Call):
        yield from ((where, given.value) for given in call.keywords if given.arg in ("slug", "error_slug"))
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in places and len(call.args) > places[name]:
            yield where, call.args[places[name]]
    for where, function in nodes(ast.FunctionDef):
        names = [argument.arg for argument in function.args.args]
        if "slug" in names and function.args.defaults:
            yield where, dict(zip(reversed(names), reversed(function.args.defaults), strict=False))["slug"]


def slugs_of(where, expression):
    """The slugs that an expression can be; one that is handed on was given elsewhere."""
    if isinstance(expression, ast.Constant):
        return {expression.value}
    if isinstance(expression, ast.BoolOp):
        return set().union(*(slugs_of(where, value) for value in expression.values))
    if isinstance(expression, ast.JoinedStr):
        return PUT_TOGETHER["".join(getattr(part, "value", "*") if isinstance(part, ast.Constant) else "*"
                                    for part in expression.values)]  # fmt: skip
    if isinstance(expression, ast.Call) and getattr(expression.func, "id", "").endswith("_slug"):
        return chosen_by(expression.func.id)
    assert isinstance(expression, ast.Name | ast.Attribute), f"{where}: this test cannot tell which slug that is"
    return set()


def chosen_by(name):
    """The slugs among the texts of a function that chooses one."""
    [(_, function)] = [(where, each) for where, each in nodes(ast.FunctionDef) if each.name == name]
    texts = {each.value for each in ast.walk(function) if isinstance(each, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and SLUG.fullmatch(text)}


def written_out():
    """The slugs of messages that are written as one text, which ends in [slug]."""
    for _, constant in nodes(ast.Constant):
        if isinstance(constant.value, str) and (found := re.search(rf"  \[({SLUG.pattern})\]$", constant.value)):
            yield found[1]


def slugs_in_code():
    named = [slugs_of(where, expression) for where, expression in expressions()]
    return set(written_out()).union(*named)


def headings(level):
    lines = re.sub(r"```.*?```", "", MESSAGES.read_text(), flags=re.DOTALL).splitlines()
    return [line[level + 1 :] for line in lines if line.startswith(f"{'#' * level} ")]


def test_every_message_has_a_heading_and_every_heading_a_message():
    """What a message ends with in brackets can be looked up, and nothing is explained that is never said."""
    assert sorted(slugs_in_code()) == sorted(headings(2))


def test_slugs_are_found_however_the_code_gives_them():
    """By name, by position, as a default, put together, chosen, or written out: the walk above sees each kind."""
    kinds = {"recording-missing", "expect-equals", "case-file-syntax", "outcome-empty", "relay-redirects"}
    assert kinds | {"fixture-unmarked", "request-unusable"} <= slugs_in_code()


def test_every_heading_is_explained():
    """No heading stands alone: each has a text that says what to do, and is no page long."""
    sections = re.split(r"^## ", MESSAGES.read_text(), flags=re.MULTILINE)[1:]
    assert [section for section in sections if not 20 <= len(section.split()) <= 160] == []


@pytest.mark.parametrize("page", sorted(MESSAGES.parent.glob("*.md")), ids=lambda page: page.name)
def test_links_between_the_pages_lead_somewhere(page):
    """A link to another file of the documentation, or to a heading of one, finds it."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        titles = re.findall(r"^#+ (.+)$", linked.read_text(), flags=re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
