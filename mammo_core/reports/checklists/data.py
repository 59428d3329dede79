"""What a run answers to a checklist's questions on its data: women, labels, pixels, split."""

from mammo_core.reports.checklists.checklist import Answer, filled, left_to_author, not_done
from mammo_core.reports.study.model_sections import split_in_words
from mammo_core.reports.study.women import Reported
from mammo_core.reports.wording import listed, settings_in_words

_NO_CARD = "the model card is not here."
_NO_SETTINGS = "the settings of the training are not kept with these predictions."


def source(told: Reported) -> Answer:
    study = told.study
    if study.card is None:
        return left_to_author(_NO_CARD)
    data = study.card.data
    trained = f"{data.title}; licence: {data.licence}; population: {data.population}."
    if study.evaluation is not None:
        trained = f"Trained on {trained} Evaluated on {study.evaluation.adapter}."
    return filled(trained, author="link, version, how and when the data were collected.")


def eligibility(told: Reported) -> Answer:
    left_out = [one.name for one in told.flow.excluded]
    known = listed(left_out) if told.flow.found is not None else "not known without the data set"
    return filled(
        f"Images left out here: {known}.", author="the data set's own criteria for its women."
    )


def preprocessing(told: Reported) -> Answer:
    if told.study.card is None:
        return left_to_author(_NO_CARD)
    settings = settings_in_words(told.study.card.prepare)
    return filled("; ".join(f"{name}: {value}" for name, value in settings) + ".")


def subsets(told: Reported) -> Answer:
    evaluation = told.study.evaluation
    if evaluation is not None:
        return filled(f"Evaluated: {evaluation.split} of the data set, images with a label.")
    return filled("Every image with a label under the label rule, whole, is used; no patches.")


def missing_data(told: Reported) -> Answer:
    results = told.results
    unknown = f" {results.main.cases.unknown:,} cases left out so." if results is not None else ""
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
    return "Machines: Table 1." if is_told else "Machines are not told."


def reference_standard(told: Reported) -> Answer:
    card = told.study.card
    if card is None:
        return left_to_author(_NO_CARD)
    data = card.data
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
    return filled(split_in_words(training.data))


def disjoint(told: Reported) -> Answer:
    study = told.study
    if study.training is None:
        return left_to_author(_NO_SETTINGS)
    if study.training.data.is_leak_allowed:
        return not_done("women in several splits were allowed for this run.")
    if told.flow.people != "women":
        return filled(
            "By exam or image, as no patient is named: images of one woman may lie in two splits.",
            author="say whether the data set holds several images of a woman.",
        )
    return filled("By woman: no woman lies in two splits; that is checked before training.")


def sample_size(told: Reported) -> Answer:
    audit = told.study.audit
    if audit is not None and audit.precision is not None:
        return filled(audit.precision.sentence, author="how the size was arrived at.")
    return left_to_author("how the size of the test set was arrived at; no audit measured it.")


def availability(told: Reported) -> Answer:
    card = told.study.card
    if card is None:
        return left_to_author("where data, code and weights can be had.")
    return filled(
        f"Data licence: {card.data.licence}. Weights SHA-256 {card.weights_sha256[:16]}.",
        author="where data, code and weights can be had.",
    )


def poor_input(told: Reported) -> Answer:
    return filled(
        "A file that cannot be read, or is no mammogram, gets no score and a sentence that says "
        "why.",
        author="what a reader is to do then.",
    )
