"""One glossary: the document is made from it, and what stands behind a `?` of a metric is in it."""

import ast
import re

from mammo_core.files import REPOSITORY
from mammo_core.glossary import MEANINGS, glossary_text, meaning

METRICS = {
    "AUC", "Partial AUC", "Average precision", "Sensitivity", "Specificity", "Recall rate", "PPV",
    "NPV", "F1", "FROC", "Kappa", "Quadratic kappa", "Calibration", "Net benefit",
}  # fmt: skip

#: Labels on pages, as they are written there, and the term whose sentence stands behind their `?`.
LABELS = {
    "“Without cancer” rests on": "Reference standard",
    "A case is one": "Case",
    "Accession number": "Accession number",
    "Aim": "Youden",
    "An image is positive by this rule": "Label rule",
    "Averaged weights": "EMA",
    "Backbone": "Backbone",
    "Batch size": "Batch",
    "Batches added up": "Gradient accumulation",
    "Best epoch by validation": "Overfitting",
    "Called from a probability of, %": "Net benefit",
    "Correlation of a reader's errors": "Correlation",
    "Correlation of her cases": "Correlation",
    "Correlation of the two": "Correlation",
    "Dropout": "Dropout",
    "Epochs": "Epoch",
    "Figure": "AUC",
    "Focal loss, gamma": "Focal loss",
    "Gradient clipped at": "Gradient clipping",
    "Half width of its interval": "95 % interval",
    "Held fixed": "Specificity",
    "How often": "Fold",
    "Images that look alike to the model": "Embedding",
    "Label smoothing on positives": "Label smoothing",
    "Learning rate": "Learning rate",
    "Local contrast (CLAHE)": "CLAHE",
    "Loss": "Loss",
    "Modality": "Modality",
    "Not read below a score of": "Triage",
    "Not scored yet": "External test",
    "Only recalled women were verified": "Verification bias",
    "Optimiser": "Optimiser",
    "Patience, epochs": "Early stopping",
    "Placed by": "Embedding",
    "Pooling": "Pooling",
    "Power": "Power",
    "Precision": "Mixed precision",
    "Prevalence, %": "Prevalence",
    "Re-calibrate on the validation cases": "Platt",
    "Recipe": "Recipe",
    "Schedule": "Schedule",
    "Seed": "Seed",
    "Seed of the orders": "Seed",
    "Seed of the split": "Seed",
    "Share of the training women": "Learning curve",
    "Specificities": "Partial AUC",
    "Spread of the gain (SD)": "Standard deviation",
    "Study of": "Power",
    "Synthetic women": "Phantom",
    "To be shown": "Not inferior",
    "Views of a breast scored together": "MLO",
    "Warm-up epochs": "Warm-up",
    "Weight decay": "Weight decay",
    "Weights to start from": "Pretrained weights",
    "What images weigh in the loss": "Class weights",
    "What is trained": "Linear probe",
    "Which images an epoch shows": "Oversampling",
    "Window": "Window",
}
#: What may ask a reader to know what is on its label.
ASKS = {
    "checkbox", "multiselect", "number_input", "pills", "radio", "segmented_control", "selectbox",
    "slider", "text_input", "toggle",
}  # fmt: skip


def terms_in(node: ast.AST) -> set[str]:
    """The terms that calls of `meaning` below `node` name."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    named = [one.args for one in calls if getattr(one.func, "id", "") == "meaning"]
    parts = [part for arguments in named for one in arguments for part in ast.walk(one)]
    return {str(part.value) for part in parts if isinstance(part, ast.Constant)}


def calls_in(node: ast.AST) -> list[ast.Call]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Call) and one.args]


def askers_in(tree: ast.AST) -> dict[str, bool]:
    """The module's own functions whose first argument is a widget's label, and whether they explain
    it whatever it is.
    """
    found = {}
    for made in (
        one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.args.args
    ):
        first = made.args.args[0].arg
        for call in calls_in(made):
            is_asking = getattr(call.func, "attr", "") in ASKS
            if is_asking and getattr(call.args[0], "id", "") == first:
                helps = [ast.unparse(word.value) for word in call.keywords if word.arg == "help"]
                found[made.name] = helps == [f"meaning({first})"]
    return found


def asked() -> list[tuple[str, str, set[str]]]:
    """Every widget with a fixed label: where it stands, the label, the terms explained."""
    found = []
    for source in sorted((REPOSITORY / "pages").rglob("*.py")):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        askers = askers_in(tree)
        for node in calls_in(tree):
            label, own = node.args[0], getattr(node.func, "id", "")
            is_asking = getattr(node.func, "attr", "") in ASKS or own in askers
            if is_asking and isinstance(label, ast.Constant):
                helps = [word.value for word in node.keywords if word.arg == "help"]
                terms = set.union(set(), *map(terms_in, helps))
                terms |= {str(label.value)} if askers.get(own) else set()
                found.append((f"{source.name}:{node.lineno}", str(label.value), terms))
    return found


def explained() -> dict[str, set[str]]:
    """By page, the terms whose sentence stands behind one of its `?`."""
    found: dict[str, set[str]] = {}
    for source in (REPOSITORY / "pages").rglob("*.py"):
        terms = terms_in(ast.parse(source.read_text(encoding="utf-8")))
        if terms:
            found.setdefault(source.parent.name, set()).update(terms)
    return found


def test_the_document_says_what_the_app_says() -> None:
    told = (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert told == glossary_text()


def test_no_sentence_leans_on_the_one_before_it() -> None:
    """They are read one by one, behind a `?`."""
    leaning = [term for term, told in MEANINGS.items() if re.search(r": the same (?!seed)", told)]
    assert leaning == []


def test_words_that_stand_on_pages_and_in_docs_are_explained() -> None:
    assert {
        "Checkpoint", "Enriched", "Model card", "Phantom", "Pre-flight", "Re-calibration",
    } <= MEANINGS.keys()  # fmt: skip


def test_each_term_has_one_plain_sentence() -> None:
    assert len(MEANINGS) >= 50
    for term, sentence in MEANINGS.items():
        assert re.fullmatch(r"[^.\n|](?:[^.\n|]|\.\d)*\.", sentence), term
        assert len(sentence) <= 170, term


def test_every_page_explains_its_terms_and_no_metric_is_left_out() -> None:
    pages = explained()
    assert {"read", "thresholds", "compare", "train", "data", "shared"} <= pages.keys()
    told = set.union(*pages.values())
    assert told == MEANINGS.keys()
    assert told >= METRICS


def test_every_label_with_a_term_of_the_trade_has_its_sentence_wherever_it_stands() -> None:
    labels = asked()
    assert LABELS.keys() - {label for _, label, _ in labels} == set(), "a label has another name"
    assert set(LABELS.values()) <= MEANINGS.keys()
    wanting = [
        f"{where} {label}"
        for where, label, terms in labels
        if label in LABELS and LABELS[label] not in terms
    ]
    assert wanting == []


def test_a_label_that_is_a_term_itself_has_its_sentence_too() -> None:
    labels = asked()
    assert {"Power", "Density", "Heatmap"} <= {label for _, label, _ in labels}
    terms = [one for one in labels if one[1] in MEANINGS]
    assert [f"{where} {label}" for where, label, told in terms if label not in told] == []


def test_several_terms_are_told_by_name_and_one_without() -> None:
    assert meaning("AUC") == MEANINGS["AUC"]
    assert meaning("AUC", "PPV").split("\n\n") == [
        f"**AUC**: {MEANINGS['AUC']}", f"**PPV**: {MEANINGS['PPV']}",
    ]  # fmt: skip
