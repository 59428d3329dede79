"""The rules a linter cannot know. Each failure lists every file that breaks the rule."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {
    source.relative_to(ROOT): source.read_text(encoding="utf-8")
    for source in sorted([*ROOT.glob("mammo_core/**/*.py"), *ROOT.glob("pages/**/*.py")])
}
TREES = {where: ast.parse(text) for where, text in TEXTS.items()}


def most_lines(where: Path) -> int:
    return 150 if where.parent == Path("pages") else 500


def test_no_module_is_too_long() -> None:
    lines = {where: text.count("\n") for where, text in TEXTS.items()}
    assert [where for where, count in lines.items() if count > most_lines(where)] == []


def test_every_file_that_the_code_needs_beside_itself_is_packed_with_it() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = packed["package-data"].items()
    kept = {
        found
        for package, names in patterns
        for name in names
        for found in ROOT.joinpath(*package.split(".")).glob(name)
    }
    beside = {
        found
        for folder in ("mammo_core", "pages")
        for found in (ROOT / folder).rglob("*")
        if found.is_file() and found.suffix not in (".py", ".pyc")
    }
    assert len(beside) > 30
    assert sorted(beside - kept) == []


def test_every_module_says_what_it_is_for() -> None:
    assert [where for where, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_parameters_are_named_and_so_are_imports() -> None:
    offenders = []
    for where, tree in TREES.items():
        for node in ast.walk(tree):
            is_open = isinstance(node, ast.FunctionDef) and node.args.kwarg
            is_star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
            if is_open or is_star:
                offenders.append(f"{where}:{node.lineno}")
    assert offenders == []


def test_bare_recall_names_nothing() -> None:
    offenders = []
    for where, tree in TREES.items():
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        if "recall" in names:
            offenders.append(where)
    assert offenders == [], "say sensitivity or recall_rate"


def test_pages_and_reports_tell_days_in_words() -> None:
    shown = {where: text for where, text in TEXTS.items() if {"pages", "reports"} & {*where.parts}}
    assert len(shown) > 50
    assert [where for where, text in shown.items() if "_at[:10]" in text] == []


def test_nothing_unpickles() -> None:
    offenders = []
    for where, tree in TREES.items():
        imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        if imported & {"pickle", "joblib", "dill", "shelve"}:
            offenders.append(where)
    assert offenders == []


def test_no_page_writes_raw_html() -> None:
    offenders = []
    for where, tree in TREES.items():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if any(keyword.arg == "unsafe_allow_html" for call in calls for keyword in call.keywords):
            offenders.append(where)
    assert offenders == []


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for where, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{where}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_the_floor_plan_names_every_folder() -> None:
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = {where.parent for where in TEXTS}
    assert len(folders) >= 20
    assert [folder for folder in sorted(folders) if f"{folder.name}/" not in plan] == []
