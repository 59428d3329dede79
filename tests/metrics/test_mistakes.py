from mammo_core.metrics.cases import disagreements, mistakes
from tests.metrics.conftest import cases_of


def test_missed_cancers_come_first_and_the_furthest_leads() -> None:
    cases = cases_of([0.4, 0.1, 0.9, 0.7, 0.2, 0.6], [1, 1, 1, 0, 0, 0])
    table = mistakes(cases, 0.5)
    assert table["case_id"].tolist() == ["c1", "c0", "c3", "c5"]
    assert table["kind"].tolist() == ["missed", "missed", "false alarm", "false alarm"]
    assert table["distance"].round(9).tolist() == [0.4, 0.1, 0.2, 0.1]


def test_a_threshold_that_tells_all_apart_makes_no_mistakes() -> None:
    assert mistakes(cases_of([0.1, 0.9], [0, 1]), 0.5).empty


def test_models_disagree_by_rank_not_by_scale() -> None:
    one = cases_of([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1])
    tenth = cases_of([0.01, 0.02, 0.03, 0.04], [0, 0, 1, 1])
    assert (disagreements(one, tenth)["apart"] == 0.0).all()
    turned = disagreements(one, cases_of([0.4, 0.2, 0.3, 0.1], [0, 0, 1, 1]))
    scores = turned.sort_values("case_id")[["score_one", "score_other"]]
    assert scores["score_one"].tolist() == one.score.tolist()
    assert scores["score_other"].tolist() == [0.4, 0.2, 0.3, 0.1]
    assert turned["case_id"].tolist() == ["c0", "c3", "c1", "c2"]
    assert turned["apart"].tolist() == [0.75, 0.75, 0.0, 0.0]
    assert turned["positive"].tolist()[:2] == [False, True]
