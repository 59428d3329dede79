"""One glossary: the document is made from it, and what stands behind a `?` of a metric is in it."""

import ast
import re

from mammo_core.files import REPOSITORY
from mammo_core.glossary import MEANINGS, glossary_text, meaning

METRICS = {
    "AUC", "Partial AUC", "Average precision", "Sensitivity", "Specificity", "Recall rate", "PPV",
    "NPV", "F1", "FROC", "Kappa", "Quadratic kappa", "Calibration", "Net benefit",
}  # fmt: skip


def explained() -> dict[str, set[str]]:
    """By page, the terms whose sentence stands behind one of its `?`."""
    found: dict[str, set[str]] = {}
    for source in (REPOSITORY / "pages" / "components").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "meaning":
                terms = {
                    part.value
                    for argument in node.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant)
                }
                found.setdefault(source.parent.name, set()).update(terms)
    return found


def test_the_document_says_what_the_app_says() -> None:
    told = (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert told == glossary_text()


def test_each_term_has_one_plain_sentence() -> None:
    assert len(MEANINGS) >= 50
    for term, sentence in MEANINGS.items():
        assert re.fullmatch(r"[^.\n|](?:[^.\n|]|\.\d)*\.", sentence), term
        assert len(sentence) <= 170, term


def test_every_page_explains_its_terms_and_no_metric_is_left_out() -> None:
    pages = explained()
    assert {"read", "thresholds", "compare", "train", "data", "shared"} <= pages.keys()
    told = set.union(*pages.values())
    assert told <= MEANINGS.keys()
    assert told >= METRICS


def test_several_terms_are_told_by_name_and_one_without() -> None:
    assert meaning("AUC") == MEANINGS["AUC"]
    assert meaning("AUC", "PPV").split("\n\n") == [
        f"**AUC**: {MEANINGS['AUC']}", f"**PPV**: {MEANINGS['PPV']}",
    ]  # fmt: skip
