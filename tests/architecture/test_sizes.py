"""How large a module and a function may be, and what a module may not be called."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "hr_sync").rglob("*.py"))
LONGEST_MODULE_LINES = 320
LONGEST_BODY_LINES = 40
VAGUE_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "base",
    "manager",
    "managers",
    "misc",
    "lib",
    "core",
    "shared",
}

each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))


@each_module
def test_a_module_can_be_read_in_one_go(module: Path) -> None:
    """320 lines, and 40 for the body of a function; a migration is a list of columns and never edited again."""
    text = module.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    if "versions" not in module.parts:
        assert len(text.splitlines()) <= LONGEST_MODULE_LINES
        assert {each.name: lines for each in functions if (lines := body_lines(each)) > LONGEST_BODY_LINES} == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines its statements take, without signature and docstring."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


@each_module
def test_a_module_is_named_for_what_it_holds(module: Path) -> None:
    """None of these names says it."""
    assert not VAGUE_NAMES.intersection(module.relative_to(ROOT).with_suffix("").parts)


@each_module
def test_a_module_says_what_it_is_for(module: Path) -> None:
    """In its docstring; an empty package file says nothing."""
    text = module.read_text(encoding="utf-8")

    assert not text.strip() or ast.get_docstring(ast.parse(text))


@each_module
def test_a_module_holds_no_state_that_changes(module: Path) -> None:
    """No `global`, and no empty list, set or mapping at the top, to be filled later."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    empty = [value for value in values if value is not None and ast.unparse(value) in {"[]", "{}", "set()", "dict()"}]

    assert not empty
    assert not any(isinstance(node, ast.Global) for node in ast.walk(tree))
