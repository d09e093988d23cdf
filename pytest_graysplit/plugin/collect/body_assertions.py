"""Assertions in the bodies of tests, found in their source or, without a source, in their byte code."""

from __future__ import annotations

import ast
import dis
import linecache
import re
import sys
import warnings
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

# Names of checking functions. A checkout, a checksum, an expected value and a validated record assert nothing.
_CHECK = re.compile(
    r"_*(?:assert|check(?!out|sum|point|box|list|mark|ed(?![a-z])|er(?![a-z]))|expect(?!ed|ation|anc)|verify|validate(?![dr]))"
)
# The checkers of pytest-check and similar plugins: `check.equal(a, b)`, and `with check:`.
_CHECKERS = frozenset({"check", "expect", "verify", "validate", "pytest_check"})
_OURS = frozenset({"graysplit", "graysplit_reply", "graysplit_relay", "graysplit_splitter"})
_OF_PYTEST = ("fail", "raises", "warns")
_FAILING = tuple(getattr(pytest, name) for name in _OF_PYTEST)
# A name that pytest's rewriting adds to a module; rewritten asserts are plain code, which python -O keeps.
_REWRITTEN = "@pytest_ar"


class _Scope(NamedTuple):
    """The names of a body's module, and whether its assert statements run at all."""

    names: Mapping[str, object]
    asserts_run: bool


class Bodies:
    """The bodies of one run's tests; each function and each file is read once."""

    def __init__(self, *, optimized: bool = sys.flags.optimize > 0) -> None:
        """Read bodies; `optimized` means that Python leaves out assert statements (-O)."""
        self._optimized = optimized
        self._known: dict[tuple[str, CodeType], bool] = {}
        self._files: dict[str, dict[tuple[str, int], list[_Function]]] = {}

    def assert_something(self, item: pytest.Item) -> bool:
        """Tell whether the function of a test item asserts something; an item without a function does not."""
        return self.asserts(getattr(item, "function", None))

    def asserts(self, function: object) -> bool:
        """Tell whether the function, below its decorators, contains an assert, a raise or a checking call."""
        body = _undecorated(function)
        if body is None:
            return False
        key = body.__code__.co_filename, body.__code__
        if key not in self._known:
            self._known[key] = self._read(body)
        return self._known[key]

    def _read(self, function: FunctionType) -> bool:
        names = function.__globals__
        scope = _Scope(names, asserts_run=not self._optimized or _REWRITTEN in names)
        nodes = self._nodes(function.__code__, names)
        if not nodes:
            return _code_asserts(function.__code__)
        return any(_asserts(node, scope) for function_node in nodes for node in _executed(function_node))

    def _nodes(self, code: CodeType, names: dict[str, Any]) -> Sequence[_Function]:
        """Return the nodes of the function in its source: several if lambdas share a line, none without a source."""
        if code.co_filename not in self._files:
            self._files[code.co_filename] = _functions_of(code.co_filename, names)
        return self._files[code.co_filename].get((code.co_name, code.co_firstlineno), [])


def _undecorated(function: object) -> FunctionType | None:
    """Return the function below its decorators; None if it is not a Python function."""
    for _ in range(100):  # decorators may form a loop
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, MethodType):
            function = function.__func__
        elif not isinstance(function, FunctionType):
            function = getattr(type(function), "__call__", None)  # noqa: B004 # its function is read, not called
            return function if isinstance(function, FunctionType) else None
        elif (inner := _inner(function)) is None:
            return function
        else:
            function = inner
    return None


def _inner(function: FunctionType) -> object:
    """Return the wrapped function of a function; hypothesis keeps that of its tests in an attribute of its own."""
    inner = getattr(vars(function).get("hypothesis"), "inner_test", None)
    return vars(function).get("__wrapped__") if inner is None else inner


def _functions_of(filename: str, names: dict[str, Any]) -> dict[tuple[str, int], list[_Function]]:
    """Return the functions of a source file by name and first line, as code objects have them."""
    linecache.checkcache(filename)
    try:
        with warnings.catch_warnings(action="ignore"):  # the import has already shown the warnings of the compiler
            tree = ast.parse("".join(linecache.getlines(filename, names)))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[tuple[str, int], list[_Function]] = {}
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            found.setdefault(_place(node), []).append(node)
    return found


def _place(node: _Function) -> tuple[str, int]:
    if isinstance(node, ast.Lambda):
        return "<lambda>", node.lineno
    return node.name, min(node.lineno, *(one.lineno for one in node.decorator_list), node.lineno)


def _executed(function: _Function) -> Iterator[ast.AST]:
    """Yield every node of the body; those of an inner function or class only if its name is used."""
    left: list[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else [*function.body]
    waiting: dict[str, list[ast.AST]] = {}
    used: set[str] = set()
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            left += node.decorator_list
            if node.decorator_list or node.name in used:
                left += _inside(node)
            else:
                waiting.setdefault(node.name, []).extend(_inside(node))
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used.add(node.id)
            left += waiting.pop(node.id, [])
        yield node
        left += ast.iter_child_nodes(node)


def _inside(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[ast.AST]:
    """Yield the statements of a function, and those of a class and of its methods."""
    for statement in node.body:
        if isinstance(node, ast.ClassDef) and isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from statement.body
        else:
            yield statement


def _asserts(node: ast.AST, scope: _Scope) -> bool:
    """Tell whether a node can fail the test; a bare `raise` only passes on another error."""
    match node:
        case ast.Assert():
            return scope.asserts_run
        case ast.Raise():
            return node.exc is not None
        case ast.Call():
            return _checks(_dotted(node.func), scope)
        case ast.With() | ast.AsyncWith():
            return any(_dotted(item.context_expr)[-1:] == ("check",) for item in node.items)
    return False


def _dotted(node: ast.expr) -> tuple[str, ...]:
    """Return the parts of a dotted name, without calls and subscripts before a dot."""
    if isinstance(node, ast.Name):
        return (node.id,)
    return (*_dotted(node.value), node.attr) if isinstance(node, ast.Attribute) else ()


def _checks(parts: tuple[str, ...], scope: _Scope) -> bool:
    """Tell whether a call by this name checks something; calls of our own fixtures do not."""
    if not parts or parts[0] in _OURS:
        return False
    *owners, name = parts
    if _CHECK.match(name) or not _CHECKERS.isdisjoint(owners):
        return True
    if parts[0] in ("pytest", "self") and name in (_OF_PYTEST if parts[0] == "pytest" else ("fail",)):
        return len(parts) == 2
    return _is_failing(_named(parts, scope.names))


def _named(parts: Sequence[str], names: Mapping[str, object]) -> object:
    """Return the object that a dotted name of a module refers to, without executing any code."""
    first, *rest = parts
    value = names.get(first)
    for name in rest:
        value = vars(value).get(name) if isinstance(value, ModuleType) else None
    return value


def _is_failing(value: object) -> bool:
    """Tell whether the value is pytest's own function to fail a test, or a function of pytest-check, under any name."""
    if any(value is one for one in _FAILING):
        return True
    return isinstance(value, FunctionType) and value.__module__.partition(".")[0] == "pytest_check"


def _code_asserts(code: CodeType) -> bool:
    """Tell the same from byte code alone, by its raise instructions and the names that it loads."""
    if any(map(_instruction_asserts, dis.get_instructions(code))):
        return True
    return any(_code_asserts(inner) for inner in code.co_consts if isinstance(inner, CodeType))


def _instruction_asserts(instruction: dis.Instruction) -> bool:
    if instruction.opname == "RAISE_VARARGS":
        return bool(instruction.arg)
    if not instruction.opname.startswith("LOAD_") or instruction.opname == "LOAD_CONST":
        return False
    named = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
    return any(isinstance(name, str) and (name in _OF_PYTEST or _CHECK.match(name)) for name in named)
