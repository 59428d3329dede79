"""What a run answers to a checklist's questions on its model: network, training, output."""

from mammo_core.reports.checklists.checklist import Answer, filled, left_to_author, not_done
from mammo_core.reports.checklists.data import machines_in_words, preprocessing
from mammo_core.reports.study.model_sections import validation_in_words
from mammo_core.reports.study.study import SPLIT_NAMES
from mammo_core.reports.study.women import Reported
from mammo_core.reports.wording import device_in_words, duration_in_words, listed, settings_in_words

_NO_CARD = "the model card is not here."
_NO_SETTINGS = "the settings of the training are not kept with these predictions."


def technology(told: Reported) -> Answer:
    card = told.study.card
    if card is None:
        return left_to_author(_NO_CARD)
    return filled(
        f"Deep learning on mammograms: {card.model.backbone}.", author="say so in the title."
    )


def model(told: Reported) -> Answer:
    card = told.study.card
    if card is None:
        return left_to_author(_NO_CARD)
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


def initialisation(told: Reported) -> Answer:
    study = told.study
    if study.card is None:
        return left_to_author(_NO_CARD)
    seed = f", seed {study.training.seed}" if study.training is not None else ""
    weights = study.card.training.started_from or study.card.model.weights
    return filled(f"Weights at the start: {weights}{seed}.")


def training(told: Reported) -> Answer:
    study = told.study
    if study.card is None:
        return left_to_author(_NO_CARD)
    record = study.card.training
    seconds, device = duration_in_words(record.seconds), device_in_words(record)
    took = f"{record.epochs} epochs in {seconds} on {device}."
    if study.training is None:
        return filled(took, author=_NO_SETTINGS)
    parts = (
        ("optimisation", study.training.optim),
        ("augmentation", study.training.augment),
        ("imbalance", study.training.balance),
    )
    told_parts = (
        f"{name}: " + "; ".join(f"{key}: {value}" for key, value in settings_in_words(record))
        for name, record in parts
    )
    return filled(f"{took} {'. '.join(told_parts)}.")


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
    settings = settings_in_words(study.training.balance)
    return filled(
        "; ".join(f"{name}: {value}" for name, value in settings)
        + ". Training images alone, after the split; scores were not re-calibrated afterwards."
    )


def sees_pixels_alone(told: Reported) -> Answer:
    of_what = "an image and of the other view of that breast" if _is_paired(told) else "one image"
    return filled(f"The model sees the pixels of {of_what} and nothing else: no label, no history.")


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
    if not fidelity:
        return not_done("whether heatmaps show what moves the score was not measured.")
    found = (f"{one.method}: {' '.join(one.sentences)}" for one in fidelity)
    return filled(" ".join(found))


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


def devices(told: Reported) -> Answer:
    return filled(
        f"{machines_in_words(told)} {software(told).text}", author="makers and models of the units."
    )


def _is_paired(told: Reported) -> bool:
    """Whether two views of a breast are scored together."""
    card = told.study.card
    return card is not None and card.model.views == 2
