"""The rules a linter cannot know. Each failure names the file and the rule it breaks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*ROOT.glob("mammo_core/**/*.py"), *ROOT.glob("pages/**/*.py")])
MOST_LINES = {"pages": 150, "mammo_core": 400}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_source_keeps_the_house_rules(source: Path) -> None:
    where = source.relative_to(ROOT)
    text = source.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= MOST_LINES[where.parts[0]], f"{where} is too long: split it"
    assert ast.get_docstring(tree), f"{where} does not say what it is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.args.kwarg:
            pytest.fail(f"{where}:{node.lineno} takes **{node.args.kwarg.arg}: name the parameters")
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            pytest.fail(f"{where}:{node.lineno} imports *: name what is used")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_bare_recall_names_nothing(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert "recall" not in names, "say sensitivity or recall_rate"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_unpickles_and_no_page_writes_raw_html(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert not imported & {"pickle", "joblib", "dill", "shelve"}
    keywords = {k.arg for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords}
    assert "unsafe_allow_html" not in keywords
