import pandas as pd

from mammo_core.preprocessing.case_store import Case, CaseImage
from mammo_core.reports.case_export import ImageScore, case_rows, to_safe_csv
from mammo_core.types import ImageRef, Laterality


def image(number: int, corrected: tuple[str, ...] = ()) -> CaseImage:
    return CaseImage(
        number=number,
        ref=ImageRef(image_id=f"hash{number}", side=Laterality.LEFT),
        kind="PNG",
        bits=8,
        size=(2, 2),
        spacing_mm=None,
        is_spacing_at_detector=False,
        modifiers=(),
        windows=(),
        notes=("Turned: the background was bright.",),
        corrected=corrected,
    )


CASE = Case(case_id="c", images=(image(1), image(2, ("side",))), refusals=(), kept_until=0.0)
SCORE = ImageScore(model_id="m", weights_sha256="abc", engine="torch fp32", score=0.25)


def test_a_side_set_by_hand_is_marked() -> None:
    rows = case_rows(CASE, {})
    assert rows["set_by_hand"].tolist() == ["", "side"]


def test_an_image_without_a_score_keeps_its_row_and_every_row_its_notice() -> None:
    rows = case_rows(CASE, {"hash2": SCORE})
    assert rows["score"].isna().tolist() == [True, False]
    assert set(rows["notice"]) == {"For research only. Not a medical device."}


def test_a_text_that_starts_a_formula_is_defused() -> None:
    table = pd.DataFrame({"a": ["=1+1", "fine", "@x"], "n": [-1.0, 2.0, 3.0]})
    assert to_safe_csv(table).splitlines() == ["a,n", "'=1+1,-1.0", "fine,2.0", "'@x,3.0"]
