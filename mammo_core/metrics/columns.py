"""Which column of a foreign table holds what, by its name and by the words in it."""

import re
from dataclasses import dataclass
from typing import Final

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; None where none does."""

    label: str | None = None
    score: str | None = None
    image_id: str | None = None
    patient_id: str | None = None
    exam_id: str | None = None
    side: str | None = None
    view: str | None = None
    split: str | None = None


_NAMES: Final = {
    "label": ("positive", "label", "target", "y_true", "truth", "cancer", "malignant", "pathology",
              "class", "diagnosis", "outcome"),
    "score": ("score", "probability", "prob", "y_score", "y_prob", "p_cancer", "p_malignant",
              "cancer_probability", "prediction", "pred", "y_pred", "output", "logit"),
    "image_id": ("image_id", "image", "imageid", "file", "filename", "file_name", "path",
                 "prediction_id", "id"),
    "patient_id": ("patient_id", "patient", "patientid", "subject", "subject_id", "woman",
                   "client_id", "id1"),
    "exam_id": ("exam_id", "exam", "study_id", "study", "episode_id", "accession"),
    "side": ("side", "laterality", "breast", "leftright", "left or right breast"),
    "view": ("view", "view_position", "viewposition", "projection"),
    "split": ("split", "set", "subset", "partition"),
}  # fmt: skip
#: Words that a column's name is made of, where it is none of the names above.
_SCORE_WORDS: Final = frozenset({
    "prob", "probability", "proba", "score", "logit", "logits", "risk", "likelihood",
    "confidence", "suspicion",
})  # fmt: skip
_PREDICTED: Final = frozenset(["pred", "prediction", "predicted", "output"])
LOGIT_WORDS: Final = frozenset({"logit", "logits"})
_OF_CANCER: Final = frozenset({
    "cancer", "malignant", "malignancy", "positive", "abnormal", "tumor", "tumour",
})  # fmt: skip
_OF_NO_CANCER: Final = frozenset({
    "benign", "normal", "no", "non", "not", "negative", "neg", "healthy",
})  # fmt: skip
_LABEL_WORDS: Final = frozenset({
    "target", "label", "truth", "true", "gt", "pathology", "diagnosis", "outcome", "malignancy",
})  # fmt: skip
_ID_WORDS: Final = {
    "image_id": frozenset({"image", "img", "file", "filename"}),
    "patient_id": frozenset({"patient", "subject", "woman", "client"}),
    "exam_id": frozenset({"exam", "study", "episode", "accession"}),
}
_ID_ENDS: Final = frozenset({
    "id", "ids", "name", "path", "key", "uid", "no", "nr", "number", "code",
})  # fmt: skip


def guess_columns(table: pd.DataFrame) -> Columns:
    """By their names, the likeliest name first, then by the words in them; no column is guessed
    twice. Of columns that might be the score, one that holds decisions is not taken.
    """
    names = [str(name) for name in table.columns]
    by_name = {name.strip().lower(): name for name in reversed(names)}
    taken: set[str] = set()
    guesses: dict[str, str] = {}
    for role, known in _NAMES.items():
        found = [by_name[name] for name in known if name in by_name]
        found += _by_words(role, names)
        free = [name for name in found if name not in taken]
        if role == "score":
            free = [name for name in free if not is_decision(table[name])]
        if free:
            guesses[role] = free[0]
            taken.add(free[0])
    return Columns(**guesses)


def is_decision(cells: "pd.Series[str]") -> bool:
    """Whether all is 0 or 1: what was called at some threshold, not how it scored."""
    numbers = pd.to_numeric(cells.str.strip(), errors="coerce").dropna()
    return not numbers.empty and bool(numbers.isin((0.0, 1.0)).all())


def words_of(name: str) -> frozenset[str]:
    return frozenset(filter(None, re.split(r"[^a-z0-9]+", name.lower())))


def _by_words(role: str, names: list[str]) -> list[str]:
    """The column whose name speaks of `role`; none where several do so equally."""
    ranked = {name: rank for name in names if (rank := rank_of(role, words_of(name)))}
    best = [name for name, rank in ranked.items() if rank == max(ranked.values())]
    return best if len(best) == 1 else []


def rank_of(role: str, words: frozenset[str]) -> int:
    """How clearly a column of such words holds `role`; 0 where it does not."""
    is_predicted = bool(words & (_SCORE_WORDS | _PREDICTED)) or (
        "p" in words and bool(words & _OF_CANCER)
    )
    if role == "score":
        is_of_another = bool(words & (_OF_NO_CANCER | {"label", "class"}))
        is_named = bool(words & _SCORE_WORDS)
        return 0 if is_of_another or not is_predicted else 1 + is_named + bool(words & _OF_CANCER)
    if role == "label":
        return int(bool(words & _LABEL_WORDS) and not is_predicted)
    known = _ID_WORDS.get(role, frozenset())
    return int(bool(words & known) and words <= known | _ID_ENDS)


def columns_in_words(columns: Columns) -> str:
    """What was taken for what, in a line."""
    told = [f"score: {columns.score}", f"label: {columns.label}", f"patient: {columns.patient_id}"]
    return f"What the columns mean ({', '.join(told).replace('None', 'not known')})"
