"""What a run answers to a checklist's questions on results: flow, performance, parts, limits."""

from mammo_core.reports.checklists.checklist import Answer, filled, left_to_author, not_done
from mammo_core.reports.study.result_sections import auc_in_words, cases_in_words
from mammo_core.reports.study.study import lock_in_words
from mammo_core.reports.study.women import Reported
from mammo_core.reports.wording import listed, rate_in_words
from mammo_core.runs.operating_points import occasions
from mammo_core.words import many


def measures(told: Reported) -> Answer:
    if told.results is None:
        return not_done(told.why_no_results)
    return filled(
        "AUC and average precision at every level that the table supports; sensitivity, "
        "specificity, recall rate, PPV and NPV at one threshold; calibration in the large, slope, "
        "expected error and Brier score; AUC by part."
    )


def uncertainty(told: Reported) -> Answer:
    if told.results is None:
        return not_done(told.why_no_results)
    main = told.results.main
    method = f" (AUC: {main.auc.method})" if main.auc is not None else ""
    whom = "woman" if told.results.has_women else "group of images, no patient being named"
    return filled(
        f"95 % intervals by {whom}{method}; gaps between parts are corrected for having been "
        "picked. One training: the luck of its seed is not measured."
    )


def robustness(told: Reported) -> Answer:
    stress = told.study.stress
    if not stress:
        return not_done("scores under changed images were not measured.")
    return filled(" ".join(sentence for one in stress for sentence in one.sentences))


def internal(told: Reported) -> Answer:
    if told.study.is_external:
        return not_done("these are results of an external evaluation alone.")
    if told.results is None:
        return not_done(told.why_no_results)
    return filled(f"{cases_in_words(told.results)}: {auc_in_words(told.results)}.")


def external(told: Reported) -> Answer:
    study = told.study
    if not study.is_external and not study.evaluations:
        return not_done("these results are of the data set that was trained on.")
    if not study.is_external:
        names = listed(f"{name} (run {run})" for name, run in study.evaluations)
        return filled(f"Evaluated on {names}; see the reports of these runs.")
    if told.results is None:
        return not_done(told.why_no_results)
    return filled(f"{cases_in_words(told.results)}: {auc_in_words(told.results)}.")


def flow(told: Reported) -> Answer:
    if not told.flow.used:
        return not_done("no women or images are known.")
    rest = "" if told.flow.found is not None else "what was found and left out before."
    return filled(" ".join(told.flow.lines), author=rest)


def characteristics(told: Reported) -> Answer:
    if told.table_one is None:
        return not_done("neither the data set nor predictions are here.")
    return filled(f"Table 1. {told.table_one_lacks}".strip())


def performance(told: Reported) -> Answer:
    if told.results is None:
        return not_done(told.why_no_results)
    return filled(f"{auc_in_words(told.results)}. Every level: see the results.")


def accuracy(told: Reported) -> Answer:
    results = told.results
    if results is None:
        return not_done(told.why_no_results)
    if results.point is None:
        return filled(f"{auc_in_words(results)}. {results.why_no_point}")
    rates = results.point.delivered
    return filled(
        f"{auc_in_words(results)}. At {results.point.threshold:.4f}: sensitivity "
        f"{rate_in_words(rates.sensitivity)}; specificity {rate_in_words(rates.specificity)}."
    )


def thresholds(told: Reported) -> Answer:
    results = told.results
    if results is None:
        return not_done(told.why_no_results)
    point = results.point
    if point is None:
        return not_done(results.why_no_point)
    if not point.is_locked:
        return not_done("no operating point was locked; the one shown was chosen for this report.")
    return filled(
        f"{point.threshold:.4f} by {point.cases.level}, chosen for {point.aim}. "
        f"{lock_in_words(told.study.looks, is_external=told.study.is_external)}"
    )


def output(told: Reported) -> Answer:
    classes = listed(told.study.task.classes)
    return filled(f"One probability per class ({classes}). Threshold: {thresholds(told).text}")


def cross_table(told: Reported) -> Answer:
    results = told.results
    if results is None:
        return not_done(told.why_no_results)
    if results.point is None:
        return not_done(results.why_no_point)
    point = results.point.delivered.point
    return filled(
        f"Of {point.positives:,} positive cases {point.true_positives:,} called, of "
        f"{point.negatives:,} others {point.false_positives:,}, at {point.threshold:.4f}."
    )


def failures(told: Reported) -> Answer:
    results = told.results
    if results is None:
        return not_done(told.why_no_results)
    if results.point is None:
        return not_done(results.why_no_point)
    point = results.point.delivered.point
    return filled(
        f"{point.false_negatives:,} of {point.positives:,} positive cases missed, "
        f"{point.false_positives:,} false alarms among {point.negatives:,} others; the furthest "
        "are listed.",
        author="what they have in common.",
    )


def parts(told: Reported) -> Answer:
    """By density, age, site and so on; chosen by what the table tells, not beforehand."""
    results = told.results
    if results is None:
        return not_done(told.why_no_results)
    if not results.cuts:
        return not_done("no column of the table cuts the cases.")
    gaps = " ".join(cut.gap.sentence for cut in results.cuts if cut.gap is not None)
    return filled(f"By {listed(cut.title for cut in results.cuts)}, exploratory. {gaps}".strip())


def clusters(told: Reported) -> Answer:
    results = told.results
    if results is None:
        return not_done(told.why_no_results)
    if not results.within:
        return not_done("fewer than two sites or machines with both classes are told.")
    return filled(" ".join(one.sentence for one in results.within))


def no_fairness_method(told: Reported) -> Answer:
    return not_done("nothing in the training addresses fairness; results by part are reported.")


def no_updating(told: Reported) -> Answer:
    return not_done("the model was not updated and its scores not re-calibrated after evaluation.")


def representative(told: Reported) -> Answer:
    results, card = told.results, told.study.card
    if results is None:
        return left_to_author("whether these women are those the test is meant for.")
    cases = results.main.cases
    population = card.data.population if card is not None else "unknown"
    return filled(
        f"{cases.positives:,} of {len(cases):,} cases positive; population of the data trained on: "
        f"{population}.",
        author="whether these women are those the test is meant for.",
    )


def severity(told: Reported) -> Answer:
    return left_to_author("sizes and stages of cancers; Table 1 has lesions where they are told.")


def limits(told: Reported) -> Answer:
    card = told.study.card
    known = " ".join(card.limits) if card is not None else ""
    return filled(f"{known} See the section on limits.".strip(), author="what else limits this.")


def no_indeterminate(told: Reported) -> Answer:
    return filled(
        "Every image that can be read gets a score; an unreadable one is left out and counted. "
        "Labels that are no class of the task are left out."
    )


def differences(told: Reported) -> Answer:
    if not told.study.is_external:
        return not_done("there is no external evaluation in this report.")
    return left_to_author("how these women differ from those trained on; Table 1 has these.")


def kept_outputs(told: Reported) -> Answer:
    seen = many(len(occasions(told.study.looks.at_results)), "occasion", "occasions")
    return filled(
        "The score of every validation and test image is kept beside the model card, and looks at "
        f"them are logged: {seen} so far."
    )
