"""What a run answers to the items of a checklist: on its data, its model and its results."""

from typing import Any, Final

from mammo_core.reports.checklists.checklist import (
    Answer,
    at_point,
    filled,
    fixed,
    left_to_author,
    not_done,
    with_card,
    with_results,
)
from mammo_core.reports.study.external import standard_of
from mammo_core.reports.study.model_sections import split_in_words, validation_in_words
from mammo_core.reports.study.result_sections import auc_in_words, cases_in_words
from mammo_core.reports.study.results import AtPoint, Results
from mammo_core.reports.study.study import SPLIT_NAMES, lock_in_words
from mammo_core.reports.study.women import Reported
from mammo_core.reports.wording import (
    device_in_words,
    duration_in_words,
    listed,
    rate_in_words,
    settings_in_words,
)
from mammo_core.runs.card import ModelCard
from mammo_core.runs.operating_points import occasions
from mammo_core.words import many

_NO_SETTINGS: Final = "the settings of the training are not kept with these predictions."


def _settings(record: Any) -> str:
    return "; ".join(f"{name}: {value}" for name, value in settings_in_words(record))


def _is_paired(told: Reported) -> bool:
    """Whether two views of a breast are scored together."""
    card = told.study.card
    return card is not None and card.model.views == 2


@with_card
def source(told: Reported, card: ModelCard) -> Answer:
    data = card.data
    trained = f"{data.title}; licence: {data.licence}; population: {data.population}."
    if told.study.evaluation is not None:
        evaluated = told.study.evaluation
        standard = standard_of(evaluated.adapter, evaluated.label_rule) or "standard not known"
        trained = f"Trained on {trained} Evaluated on {evaluated.adapter} ({standard})."
    return filled(trained, author="link, version, how and when the data were collected.")


def eligibility(told: Reported) -> Answer:
    left_out = [one.name for one in told.flow.excluded]
    known = listed(left_out) if told.flow.found is not None else "not known without the data set"
    return filled(
        f"Images left out here: {known}.", author="the data set's own criteria for its women."
    )


@with_card
def preprocessing(told: Reported, card: ModelCard) -> Answer:
    return filled(f"{_settings(card.prepare)}.")


def subsets(told: Reported) -> Answer:
    evaluation = told.study.evaluation
    if evaluation is not None:
        return filled(f"Evaluated: {evaluation.split} of the data set, images with a label.")
    return filled("Every image with a label under the label rule is used whole, not in patches.")


def missing_data(told: Reported) -> Answer:
    results = told.results
    unknown = (
        f" {results.main.cases.unknown:,} cases were left out for this."
        if results is not None
        else ""
    )
    return filled(
        "A case without a known label is left out and counted, never taken for negative."
        f"{unknown} Missing age, density, site or machine stays missing; nothing is imputed."
    )


def acquisition(told: Reported) -> Answer:
    card = told.study.card
    seen = card.data.seen if card is not None else "unknown"
    return filled(
        f"Imaging: {seen}. {machines_in_words(told)}",
        author="units, exposure, views of the protocol.",
    )


def machines_in_words(told: Reported) -> str:
    rows = told.table_one.rows if told.table_one is not None else ()
    is_told = any(row[0].startswith("Machine: ") for row in rows)
    return "Machines: Table 1." if is_told else "The machines are not stated."


@with_card
def reference_standard(told: Reported, card: ModelCard) -> Answer:
    data = card.data
    evaluation = told.study.evaluation
    if evaluation is not None:
        standard = standard_of(evaluation.adapter, evaluation.label_rule) or "not known"
        return filled(
            f"Of what was evaluated: {standard}; label rule {evaluation.label_rule}. The model was "
            f"trained on labels by {data.reference_standard}."
        )
    rule = f" {told.study.data.rule_title}" if told.study.data.rule_title else ""
    return filled(
        f"{data.reference_standard}; label rule {data.label_rule}.{rule} A label is given to one "
        f"{data.label_level}."
    )


def positivity(told: Reported) -> Answer:
    task = told.study.task
    return filled(
        f"Classes {listed(task.classes)}; positive: {listed(task.positive)}. Fixed by the label "
        "rule before the training."
    )


def partitions(told: Reported) -> Answer:
    training = told.study.training
    if training is None:
        return left_to_author(_NO_SETTINGS)
    card = told.study.card
    return filled(split_in_words(training.data, members=card.model.members if card else 1))


def disjoint(told: Reported) -> Answer:
    study = told.study
    if study.training is None:
        return left_to_author(_NO_SETTINGS)
    if study.training.data.is_leak_allowed:
        return not_done("women in several splits were allowed for this run.")
    if told.flow.people != "women":
        return filled(
            "By exam or image, as no patient is named: images of one woman may be in two splits.",
            author="say whether the data set holds several images of a woman.",
        )
    return filled("By woman: no woman is in two splits, which is checked before training.")


def sample_size(told: Reported) -> Answer:
    audit = told.study.audit
    if audit is not None and audit.precision is not None:
        return filled(audit.precision.sentence, author="how the size was arrived at.")
    return left_to_author("how the size of the test set was arrived at; no audit measured it.")


def availability(told: Reported) -> Answer:
    card = told.study.card
    if card is None:
        return left_to_author("where data, code and weights can be obtained.")
    return filled(
        f"Data licence: {card.data.licence}. Weights SHA-256 {card.weights_sha256[:16]}.",
        author="where data, code and weights can be obtained.",
    )


poor_input: Final = fixed(
    filled(
        "A file that cannot be read, or is not a mammogram, gets no score and a sentence that says "
        "why.",
        author="what a reader should do then.",
    )
)


@with_card
def technology(told: Reported, card: ModelCard) -> Answer:
    return filled(
        f"Deep learning on mammograms: {card.model.backbone}.", author="say so in the title."
    )


@with_card
def model(told: Reported, card: ModelCard) -> Answer:
    height, width = card.prepare.size
    each = ", the image and its other view (CC or MLO) side by side" if _is_paired(told) else ""
    return filled(
        f"{card.model.backbone}, pooling {card.model.pooling}, dropout {card.model.dropout:g}; "
        f"input {height} x {width}, {card.prepare.channels} channel(s){each}; output: one "
        f"probability per class ({listed(card.task.classes)}). "
        f"Weights SHA-256 {card.weights_sha256[:16]}."
    )


def software(told: Reported) -> Answer:
    card = told.study.card
    if card is None or not card.training.versions:
        return left_to_author("versions were not recorded.")
    versions = (f"{name} {version}" for name, version in card.training.versions.items())
    return filled(f"{listed(versions)}. Device: {device_in_words(card.training)}.")


@with_card
def initialisation(told: Reported, card: ModelCard) -> Answer:
    seed = f", seed {told.study.training.seed}" if told.study.training is not None else ""
    named = card.training.started_from or card.model.weights
    weights = card.training.start_in_words(named)
    return filled(f"Weights at the start: {weights}{seed}.")


@with_card
def training(told: Reported, card: ModelCard) -> Answer:
    record = card.training
    seconds, device = duration_in_words(record.seconds), device_in_words(record)
    took = f"{record.epochs} epochs in {seconds} on {device}."
    if told.study.training is None:
        return filled(took, author=_NO_SETTINGS)
    parts = (
        ("optimisation", told.study.training.optim),
        ("augmentation", told.study.training.augment),
        ("imbalance", told.study.training.balance),
    )
    settings = ". ".join(f"{name}: {_settings(part)}" for name, part in parts)
    return filled(f"{took} {settings}.")


def selection(told: Reported) -> Answer:
    card = told.study.card
    best = f" Kept: epoch {card.training.best_epoch}." if card is not None else ""
    return filled(f"{validation_in_words(told.study)}{best}")


def ensembling(told: Reported) -> Answer:
    ensemble = told.study.ensemble
    if ensemble is None:
        beside = " with its other view" if _is_paired(told) else ""
        return filled(f"None: one network, one pass over each image{beside}.")
    members = listed(one.run_id for one in ensemble.members)
    return filled(f"{ensemble.method} of {len(ensemble.members)} models: {members}.")


def imbalance(told: Reported) -> Answer:
    study = told.study
    if study.training is None:
        return left_to_author(_NO_SETTINGS)
    return filled(
        f"{_settings(study.training.balance)}. Training images alone, after the split; scores were "
        "not re-calibrated afterwards."
    )


def sees_pixels_alone(told: Reported) -> Answer:
    of_what = "an image and of the other view of that breast" if _is_paired(told) else "one image"
    return filled(f"The model sees the pixels of {of_what} and nothing else: no label, no history.")


predictors: Final = fixed(
    filled("The pixels of the prepared image; none were selected, and no reader measures them.")
)


def index_test(told: Reported) -> Answer:
    described, prepared = model(told), preprocessing(told)
    if told.study.card is None:
        return described
    return filled(f"{described.text} Preparation: {prepared.text}")


prediction_made: Final = fixed(
    filled(
        "By this program, from the checkpoint: weights as safetensors with the model card, one "
        "probability per class; the score is the sum over the positive classes."
    )
)


def explanation(told: Reported) -> Answer:
    fidelity = told.study.fidelity
    if not fidelity:
        return not_done("whether heatmaps show what moves the score was not measured.")
    found = (f"{one.method}: {' '.join(one.sentences)}" for one in fidelity)
    return filled(" ".join(found))


@with_card
def development(told: Reported, card: ModelCard) -> Answer:
    """The women trained on, chosen by and tested on; of an evaluation, those of its model."""
    counts = (
        f"{SPLIT_NAMES[one.split]}: {one.women:,} women or groups, {one.images:,} images, "
        f"{one.positive_images:,} of them positive."
        for one in card.data.splits
    )
    evaluated = [f"{one.name}: {told.flow.words(one)}." for one in told.flow.used]
    here = evaluated if told.study.is_external else []
    return filled(" ".join([*counts, *here, validation_in_words(told.study)]))


def devices(told: Reported) -> Answer:
    return filled(
        f"{machines_in_words(told)} {software(told).text}", author="makers and models of the units."
    )


@with_results
def measures(told: Reported, results: Results) -> Answer:
    return filled(
        "AUC and average precision at every level that the table supports; sensitivity, "
        "specificity, recall rate, PPV and NPV at one threshold; calibration in the large, slope, "
        "expected error and Brier score; AUC by part."
    )


@with_results
def uncertainty(told: Reported, results: Results) -> Answer:
    main = results.main
    method = f" (AUC: {main.auc.method})" if main.auc is not None else ""
    whom = "woman" if results.has_women else "group of images, no patient being named"
    return filled(
        f"95 % intervals by {whom}{method}; gaps between parts are corrected for having been "
        "picked. One training: variation between seeds is not measured."
    )


def robustness(told: Reported) -> Answer:
    stress = told.study.stress
    if not stress:
        return not_done("scores under changed images were not measured.")
    return filled(" ".join(sentence for one in stress for sentence in one.sentences))


@with_results
def _measured(told: Reported, results: Results) -> Answer:
    return filled(f"{cases_in_words(results)}: {auc_in_words(results)}.")


def internal(told: Reported) -> Answer:
    if told.study.is_external:
        return not_done("these are results of an external evaluation alone.")
    return _measured(told)


def external(told: Reported) -> Answer:
    study = told.study
    if not study.is_external and not study.evaluations:
        return not_done("these results come from the data set trained on.")
    if study.is_external:
        return _measured(told)
    return filled(f"{_elsewhere_in_words(told)} Every number: the section External evaluation.")


def _elsewhere_in_words(told: Reported) -> str:
    """The AUC of this model on every other set it has scored."""
    own = (one for one in told.elsewhere if one.model_id == told.study.run_id)
    return " ".join(
        f"On {one.name}: AUC {one.auc_in_words}.{f' {one.question}' if one.question else ''}"
        for one in own
    )


def flow(told: Reported) -> Answer:
    if not told.flow.used:
        return not_done("no women or images are known.")
    rest = "" if told.flow.found is not None else "what was found and left out before."
    return filled(" ".join(told.flow.lines), author=rest)


def characteristics(told: Reported) -> Answer:
    if told.table_one is None:
        return not_done("neither the data set nor predictions are available.")
    return filled(f"Table 1. {told.table_one_lacks}".strip())


@with_results
def performance(told: Reported, results: Results) -> Answer:
    return filled(f"{auc_in_words(results)}. Every level: see the results.")


@with_results
def accuracy(told: Reported, results: Results) -> Answer:
    if results.point is None:
        return filled(f"{auc_in_words(results)}. {results.why_no_point}")
    rates = results.point.delivered
    return filled(
        f"{auc_in_words(results)}. At {results.point.threshold:.4f}: sensitivity "
        f"{rate_in_words(rates.sensitivity)}; specificity {rate_in_words(rates.specificity)}."
    )


@at_point
def thresholds(told: Reported, point: AtPoint) -> Answer:
    if point.promised.sensitivity is None:
        return not_done("no operating point was locked; the one shown is as the recipe says.")
    if not point.is_locked:
        return not_done("no operating point was locked; the one shown was chosen for this report.")
    return filled(
        f"{point.threshold:.4f} by {point.cases.level}, chosen for {point.aim}. "
        f"{lock_in_words(told.study.looks, is_external=told.study.is_external)}"
    )


def output(told: Reported) -> Answer:
    classes = listed(told.study.task.classes)
    return filled(f"One probability per class ({classes}). Threshold: {thresholds(told).text}")


@at_point
def cross_table(told: Reported, point: AtPoint) -> Answer:
    counts = point.delivered.point
    return filled(
        f"Of {counts.positives:,} positive cases {counts.true_positives:,} called, of "
        f"{counts.negatives:,} others {counts.false_positives:,}, at {point.threshold:.4f}."
    )


@at_point
def failures(told: Reported, point: AtPoint) -> Answer:
    counts = point.delivered.point
    return filled(
        f"{counts.false_negatives:,} of {counts.positives:,} positive cases missed, "
        f"{counts.false_positives:,} false alarms among {counts.negatives:,} others; the furthest "
        "are listed.",
        author="what they have in common.",
    )


@with_results
def parts(told: Reported, results: Results) -> Answer:
    """By density, age, site and so on; chosen by what the table tells, not beforehand."""
    if not results.cuts:
        return not_done("no column of the table divides the cases.")
    gaps = " ".join(cut.gap.sentence for cut in results.cuts if cut.gap is not None)
    return filled(f"By {listed(cut.title for cut in results.cuts)}, exploratory. {gaps}".strip())


@with_results
def clusters(told: Reported, results: Results) -> Answer:
    if not results.within:
        return not_done("fewer than two sites or machines with both classes are stated.")
    return filled(" ".join(one.sentence for one in results.within))


no_fairness_method: Final = fixed(
    not_done("nothing in the training addresses fairness; results by part are reported.")
)


no_updating: Final = fixed(
    not_done("the model was not updated and its scores not re-calibrated after evaluation.")
)


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


severity: Final = fixed(
    left_to_author("sizes and stages of cancers; Table 1 has lesions where they are stated.")
)


def limits(told: Reported) -> Answer:
    card = told.study.card
    known = " ".join(card.limits) if card is not None else ""
    return filled(f"{known} See the section on limits.".strip(), author="what else limits this.")


no_indeterminate: Final = fixed(
    filled(
        "Every image that can be read gets a score; one that is unreadable, blank or a mask is "
        "left out and counted. Images whose label is no class of the task are left out."
    )
)


def differences(told: Reported) -> Answer:
    if not told.study.is_external and not told.study.evaluations:
        return not_done("these results come from the data set trained on.")
    return left_to_author("how these women differ from those trained on; Table 1 has these.")


def kept_outputs(told: Reported) -> Answer:
    seen = many(len(occasions(told.study.looks.at_results)), "occasion", "occasions")
    return filled(
        "The score of every validation and test image is kept beside the model card, and looks at "
        f"them are logged: {seen} so far."
    )
