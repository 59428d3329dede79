"""What a run answers to a checklist's questions on methods: data, model, training, analysis."""

from mammo_core.reports.checklist import Answer, filled, left_to_author, not_done
from mammo_core.reports.reported import Reported
from mammo_core.reports.study import SPLIT_NAMES
from mammo_core.reports.study_method_sections import split_in_words, validation_in_words
from mammo_core.reports.wording import duration_in_words, listed, settings_in_words

_NO_CARD = "the model card is not here."
_NO_SETTINGS = "the settings of the training are not kept with these predictions."


def technology(told: Reported) -> Answer:
    card = told.study.card
    if card is None:
        return left_to_author(_NO_CARD)
    return filled(
        f"Deep learning on mammograms: {card.model.backbone}.", author="say so in the title."
    )


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
    return filled("; ".join(f"{name} {value}" for name, value in settings) + ".")


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
    machines = " Machines: Table 1." if _has_row(told, "Machine") else " Machines are not told."
    return filled(f"Imaging: {seen}.{machines}", author="units, exposure, views of the protocol.")


def _has_row(told: Reported, name: str) -> bool:
    table = told.table_one
    return table is not None and any(
        row[0].startswith(f"{name} ") and row[1] != "not told" for row in table.rows
    )


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
    counts = " ".join(f"{one.name}: {told.flow.words(one)}." for one in told.flow.used)
    return filled(f"{split_in_words(training.data)} {counts}")


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


def model(told: Reported) -> Answer:
    card = told.study.card
    if card is None:
        return left_to_author(_NO_CARD)
    height, width = card.prepare.size
    return filled(
        f"{card.model.backbone}, pooling {card.model.pooling}, dropout {card.model.dropout:g}; "
        f"input {height} x {width}, {card.prepare.channels} channel(s); output: one probability "
        f"per class ({listed(card.task.classes)}). Weights SHA-256 {card.weights_sha256[:16]}."
    )


def software(told: Reported) -> Answer:
    card = told.study.card
    if card is None or not card.training.versions:
        return left_to_author("versions were not recorded.")
    versions = (f"{name} {version}" for name, version in card.training.versions.items())
    return filled(f"{listed(versions)}. Device: {card.training.device}.")


def devices(told: Reported) -> Answer:
    machines = "Machines: Table 1." if _has_row(told, "Machine") else "Machines are not told."
    return filled(f"{machines} {software(told).text}", author="makers and models of the units.")


def initialisation(told: Reported) -> Answer:
    study = told.study
    if study.card is None:
        return left_to_author(_NO_CARD)
    seed = f", seed {study.training.seed}" if study.training is not None else ""
    return filled(f"Weights at the start: {study.card.model.weights}{seed}.")


def training(told: Reported) -> Answer:
    study = told.study
    if study.card is None:
        return left_to_author(_NO_CARD)
    record = study.card.training
    took = f"{record.epochs} epochs in {duration_in_words(record.seconds)} on {record.device}."
    if study.training is None:
        return filled(took, author=_NO_SETTINGS)
    parts = (
        ("optimisation", study.training.optim),
        ("augmentation", study.training.augment),
        ("imbalance", study.training.balance),
    )
    told_parts = (
        f"{name}: " + ", ".join(f"{key} {value}" for key, value in settings_in_words(record))
        for name, record in parts
    )
    return filled(f"{took} {'. '.join(told_parts)}.")


def selection(told: Reported) -> Answer:
    card = told.study.card
    best = f" Kept: epoch {card.training.best_epoch}." if card is not None else ""
    return filled(f"{validation_in_words(told.study)}{best}")


def no_ensemble(told: Reported) -> Answer:
    return filled("None: one network, one pass over each image.")


def imbalance(told: Reported) -> Answer:
    study = told.study
    if study.training is None:
        return left_to_author(_NO_SETTINGS)
    settings = settings_in_words(study.training.balance)
    return filled(
        "; ".join(f"{name} {value}" for name, value in settings)
        + ". Training images alone, after the split; scores were not re-calibrated afterwards."
    )


def development(told: Reported) -> Answer:
    """The women trained on, chosen by and tested on; of an evaluation, those of its model."""
    card = told.study.card
    if card is None:
        return left_to_author(_NO_CARD)
    counts = (
        f"{SPLIT_NAMES[one.split]}: {one.women:,} women or groups, {one.images:,} images, "
        f"{one.positive_images:,} of them positive."
        for one in card.data.splits
    )
    evaluated = [f"{one.name}: {told.flow.words(one)}." for one in told.flow.used]
    here = evaluated if told.study.is_external else []
    return filled(" ".join([*counts, *here, validation_in_words(told.study)]))


def sees_pixels_alone(told: Reported) -> Answer:
    return filled("The model sees the pixels of one image and nothing else: no label, no history.")


def predictors(told: Reported) -> Answer:
    return filled("The pixels of the prepared image; none was selected. No reader measures them.")


def index_test(told: Reported) -> Answer:
    described, prepared = model(told), preprocessing(told)
    if told.study.card is None:
        return described
    return filled(f"{described.text} Prepared so: {prepared.text}")


def prediction_made(told: Reported) -> Answer:
    return filled(
        "By this program, from the checkpoint: weights as safetensors with the model card, one "
        "probability per class; the score is the sum over the positive classes."
    )


def explanation(told: Reported) -> Answer:
    fidelity = told.study.fidelity
    if fidelity is None:
        return not_done("whether heatmaps show what moves the score was not measured.")
    if fidelity.why_unusable:
        return not_done(fidelity.why_unusable)
    return filled("Fidelity of the heatmaps was measured: see that section.")


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
