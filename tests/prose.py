"""Check the English of the tree: docstrings, comments, messages, test names and documentation pages.

`python tests/prose.py` prints the offending places, rule by rule, and the rate of free relatives; paths after it,
such as `tests/stats pytest_graysplit/stats`, limit the output to these files.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]
CODE = ("pytest_graysplit", "tests", "benchmarks", "examples")
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/*.md", "examples/**/*.md")
# The strings of these modules are word lists that replies are compared with, not messages.
WORD_LISTS = ("antonyms.py", "bounds.py")

Kind = Literal["docstring", "class", "comment", "message", "name", "page"]
KINDS: tuple[Kind, ...] = ("docstring", "class", "comment", "message", "name", "page")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One docstring, comment block, message, test name or paragraph, on one line and without quotations."""

    path: str
    line: int
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One habit that the tree does without: its pattern, and the wording to use instead.

    The pattern is tried only on texts with one of the `words`, which is ten times as fast; without words, on all texts.
    """

    name: str
    words: frozenset[str]
    pattern: re.Pattern[str]
    instead: str
    kinds: tuple[Kind, ...] = KINDS


def rule(name: str, words: str, pattern: str, instead: str, kinds: tuple[Kind, ...] = KINDS) -> Rule:
    """Build a rule whose pattern ignores case."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return Rule(name=name, words=frozenset(words.split()), pattern=compiled, instead=instead, kinds=kinds)


COUNTED = "bytes|cases|cents|dollars|lines?|replies|requests|runs|samples|seconds|times|tokens|units"
PER = "arm|case|day|file|hour|item|line|minute|model|reply|request|run|second|unit|user|worker"
VERB_OBJECT = r"(?:the|an?|what|which|how|where|whether|every|each|all|one|its|their|it|them)\b"
RULES = (
    rule("is-no", "no", r"(?<!\bthere )\b(?:is|are|was|were) no\b(?! longer\b| more\b)", "is not a"),
    rule("nobody", "nobody somebody whoever", r"\b(?:nobody|somebody|whoever)\b", "a named subject, or the passive"),
    rule("anew", "anew", r"\banew\b", "again"),
    rule("mend", "mend mends mended mending", r"\bmend(?:s|ed|ing)?\b", "fix"),
    rule("per", "a an", rf"\b(?:{COUNTED}) an? (?:{PER})\b", "replies per case"),
    rule("each", "each", r"\ban? [\w-]+ each(?=[.,;:)]|$| and\b)", "one per line"),
    rule("the-least", "least most", r"\b(?:are|is) the least\b|\bat the (?:least|most)\b", "at least, at most"),
    rule("in-vain", "vain", r"\bin vain\b", "without success"),
    rule(
        "metaphor",
        "wolf accord ever",
        r"\bcr(?:y|ies|ied) wolf\b|\bof (?:its|their) own accord\b|\bever after\b",
        "the fact itself",
    ),
    rule("let-go", "go up", r"\b(?:lets?|letting) go\b|\bwak(?:es?|ing) up\b", "release, activate"),
    rule("but-for", "but lest", r"\bbut for\b|\blest\b", "except for"),
    rule("for-who", "who", r"\b(?:for|to|by|of|than) who \w+", "the user who"),
    rule(
        "is-none",
        "none",
        r"(?<!\bthere )(?<!\bNone )\b(?:is|are|was|were) (?-i:none)\b(?! of\b)",
        "is not one",
        tuple(kind for kind in KINDS if kind != "name"),
    ),
    Rule(
        name="class-noun",
        words=frozenset(),
        pattern=re.compile(
            rf"^(?:(?:What|Who|How|Whether|Where|When)\b|[A-Z][a-z]*[^\Ws]s (?:(?:up|down|in|out|on) )?{VERB_OBJECT})"
        ),
        instead="a noun phrase",
        kinds=("class",),
    ),
)
ASKING = (
    r"(?:ask|check|decid|determin|explain|guess|learn|print|say|said|see|show|stat|tell|told|understand|wonder)\w*"
    r"|know|knows|known|knew"
)
# An indirect question follows its verb at once, or after its object ("tell the user what it cost").
INDIRECT = re.compile(rf"\b(?:{ASKING})(?: (?:to )?(?:the |a |an )?[\w-]+)?(?: (?:on|of|about|for))? $", re.IGNORECASE)
RELATIVE = re.compile(
    r"\bwhat(?:ever)?\b|\bwhoever\b|(?<=[.:;] )who\b|^who\b|\b(?:for|to|by|of|than) who\b", re.IGNORECASE
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
WITH_TEXT = {*DOCUMENTED, ast.Constant, ast.JoinedStr}
BLOCKS = ("body", "orelse", "handlers", "finalbody")
# Strings are read so that a # inside of one does not begin a comment.
STRING_OR_COMMENT = re.compile(
    r"\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*", re.DOTALL
)
SENTENCE = re.compile(r"[^.?!]+[.?!]*")
WORD = re.compile(r"[a-z]+")
QUOTED = re.compile(r"``?[^`]*``?|\"[^\"]*\"")


def free_relatives(unit: Unit) -> Iterator[str]:
    """Yield the clauses that `what`, `whatever`, `whoever` or `who` open where a noun belongs.

    Every such word counts, except in a sentence that ends in a question mark, in `what to`, and in an indirect
    question: right after a verb of asking, saying or knowing, or after that verb and its object.
    """
    if "what" not in (lower := unit.text.lower()) and "who" not in lower:
        return
    for sentence in SENTENCE.findall(unit.text):
        if sentence.endswith("?"):
            continue
        for found in RELATIVE.finditer(sentence.lstrip()):
            before, after = sentence.lstrip()[: found.start()], sentence.lstrip()[found.start() :]
            if not after.lower().startswith("what to ") and not INDIRECT.search(before):
                yield after


def offences(units: list[Unit]) -> Iterator[tuple[Rule, Unit]]:
    """Yield every unit with each rule that it breaks."""
    for unit in units:
        words = set(WORD.findall(unit.text.lower()))
        tried = (each for each in RULES if not (each.words and each.words.isdisjoint(words)))
        yield from ((each, unit) for each in tried if unit.kind in each.kinds and each.pattern.search(unit.text))


def prose_of(units: list[Unit]) -> list[Unit]:
    """Return the docstrings and comments among the units."""
    return [unit for unit in units if unit.kind in {"docstring", "class", "comment"}]


def rate(units: list[Unit]) -> float:
    """Return the free relatives per 100 docstrings and comments."""
    prose = prose_of(units)
    return 100 * sum(len(list(free_relatives(unit))) for unit in prose) / max(len(prose), 1)


def tree(root: Path = ROOT) -> list[Unit]:
    """Read all units of the repository."""
    return [
        unit for path in files(root) for unit in units_of(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    ]


def files(root: Path) -> Iterator[Path]:
    """Yield the files that hold prose, in order."""
    for folder in CODE:
        yield from (path for path in sorted((root / folder).rglob("*")) if path.suffix in {".py", ".js"})
    for pages in PAGES:
        yield from sorted(root.glob(pages))


def units_of(path: str, text: str) -> Iterator[Unit]:
    """Yield the units of one file; data of tests and word lists of the package are left out."""
    if path.endswith(".py"):
        yield from python_units(path, text)
    else:
        yield from page_units(path, text) if path.endswith(".md") else script_units(path, text)


def python_units(path: str, text: str) -> Iterator[Unit]:
    """Yield docstrings and comments, the messages of the package and the names of tests."""
    in_package = path.startswith("pytest_graysplit/") and not path.endswith(WORD_LISTS)
    module = ast.parse(text)
    docstrings = set()
    for node in with_text(module) if in_package else definitions(module):
        if isinstance(node, DOCUMENTED):
            if is_documented(node):
                docstrings.add(node.body[0].value)
                kind: Kind = "class" if isinstance(node, ast.ClassDef) else "docstring"
                yield Unit(path=path, line=node.body[0].lineno, kind=kind, text=plain(node.body[0].value.value))
            if getattr(node, "name", "").startswith("test_"):
                yield Unit(path=path, line=node.lineno, kind="name", text=node.name.replace("_", " "))
        elif isinstance(node, ast.JoinedStr):
            docstrings.update(node.values)
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield Unit(path=path, line=node.lineno, kind="message", text=" ".join("".join(parts).split()))
        elif isinstance(node, ast.Constant) and node not in docstrings and " " in str(node.value):
            yield Unit(path=path, line=node.lineno, kind="message", text=" ".join(str(node.value).split()))
    yield from comments(path, text)


def with_text(module: ast.Module) -> Iterator[ast.AST]:
    """Yield the definitions and the strings of a module; a docstring follows its definition."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if type(node) in WITH_TEXT:
            yield node
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, list):
                waiting += [inner for inner in value if isinstance(inner, ast.AST)]
            elif isinstance(value, ast.AST) and value._fields:
                waiting.append(value)


def definitions(module: ast.Module) -> Iterator[ast.AST]:
    """Yield the module and every class and function in it; expressions are not entered."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [inner for name in BLOCKS for inner in getattr(node, name, ())]


def is_documented(node: ast.AST) -> bool:
    """Tell whether a module, class or function begins with a docstring."""
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def comments(path: str, text: str) -> Iterator[Unit]:
    """Yield comments; those that fill lines one below the other are one."""
    block: list[str] = []
    start = column = line = position = 0
    for found in STRING_OR_COMMENT.finditer(text):
        if found[0][0] != "#":
            continue
        line, position = line + text.count("\n", position, found.start()), found.start()
        begin = text.rfind("\n", 0, position) + 1
        at = -1 if text[begin:position].strip() else position - begin
        if not (block and at >= 0 and (line, at) == (start + len(block), column)):
            if block:
                yield Unit(path=path, line=start + 1, kind="comment", text=plain(" ".join(block)))
            block, start, column = [], line, at
        block.append(found[0].lstrip("#: "))
    if block:
        yield Unit(path=path, line=start + 1, kind="comment", text=plain(" ".join(block)))


def script_units(path: str, text: str) -> Iterator[Unit]:
    """Yield the comment blocks of a script of the page, and its other lines as messages."""
    block: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip().startswith("//"):
            block.append(line.strip("/ "))
            continue
        if block:
            yield Unit(path=path, line=number - len(block), kind="comment", text=plain(" ".join(block)))
            block = []
        yield Unit(path=path, line=number, kind="message", text=line.strip())


def page_units(path: str, text: str) -> Iterator[Unit]:
    """Yield the paragraphs of a page of the documentation, code blocks included."""
    for found in re.finditer(r"(?:.+\n?)+", text):
        line = text.count("\n", 0, found.start()) + 1
        yield Unit(path=path, line=line, kind="page", text=plain(found[0]))


def plain(text: str) -> str:
    """Return the text on one line, with a placeholder for everything that is quoted or code."""
    return QUOTED.sub("X", " ".join(text.split()))


def report(units: list[Unit]) -> Iterator[str]:
    """Yield the offending places, rule by rule, and the rate of free relatives, as lines."""
    found = list(offences(units))
    for each in RULES:
        places = [unit for broken, unit in found if broken is each]
        yield f"{each.name}: {len(places)} (write: {each.instead})"
        yield from (f"  {unit.path}:{unit.line}: {unit.text}" for unit in places)
    yield "free relatives:"
    yield from (f"  {unit.path}:{unit.line}: {clause}" for unit in prose_of(units) for clause in free_relatives(unit))
    yield f"free relatives per 100 docstrings and comments: {rate(units):.1f}"


def main(parts: list[str]) -> None:
    """Print what `report` yields of the files whose path begins with one of the parts; without parts, of all."""
    units = [unit for unit in tree() if unit.path.startswith(tuple(parts or [""]))]
    sys.stdout.writelines(f"{line}\n" for line in report(units))


if __name__ == "__main__":
    main(sys.argv[1:])
