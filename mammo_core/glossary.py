"""What words mean that a radiologist or an engineer may not know: one plain sentence each, on every
page behind its `?`, and all of them in docs/glossary.md.
"""

from collections.abc import Mapping
from typing import Final

MEANINGS: Final[Mapping[str, str]] = {
    # counting at a threshold
    "Threshold": "The score from which on a case is called; below it, it is left alone.",
    "Sensitivity": "Of the cases with cancer, the share that is called; machine learning calls it "
    "recall.",
    "Specificity": "Of the cases without cancer, the share that is left alone.",
    "Recall rate": "Of all cases, the share that is called: in screening, the women asked to come "
    "back.",
    "PPV": "Positive predictive value: of the cases called, the share that has cancer; it falls "
    "where cancer is rare.",
    "NPV": "Negative predictive value: of the cases left alone, the share without cancer; it is "
    "high wherever cancer is rare.",
    "Confusion matrix": "The four counts at a threshold: cancers found and missed, others called "
    "and left alone.",
    "F1": "The harmonic mean of PPV and sensitivity: high only where both are.",
    "Youden": "Sensitivity plus specificity minus one; the threshold by Youden is where that is "
    "highest, a missed cancer costing as much as a false alarm.",
    "Prevalence": "The share of cases with cancer; in screening about 6 of 1,000 women, in most "
    "data sets far more.",
    "Operating point": "A threshold together with the sensitivity and specificity it gives.",
    "Locked threshold": "A threshold written down before the test set is opened, with what it "
    "promised, so that the test can confirm it.",
    # over all thresholds
    "ROC curve": "Sensitivity against the share of others called, for every threshold at once.",
    "AUC": "Area under the ROC curve: how often a case with cancer scores higher than one without; "
    "0.5 is guessing, 1 is perfect.",
    "Partial AUC": "The area under the part of the ROC curve in which one would work, such as at "
    "high specificity.",
    "Precision and recall": "PPV against sensitivity for every threshold: unlike the ROC curve it "
    "changes with prevalence.",
    "Average precision": "The area under the curve of PPV against sensitivity; guessing gives the "
    "prevalence.",
    "FROC": "Lesions found against false marks per image, for every threshold on the marks.",
    # how sure a number is
    "95 % interval": "The range of values that the data do not speak against; drawn anew, 95 of "
    "100 such ranges would hold the true value.",
    "DeLong": "A way to the interval of an AUC, and of the difference of two AUCs on the same "
    "cases, without resampling.",
    "Obuchowski": "DeLong's interval where a woman has several cases: she is counted once.",
    "Newcombe": "An interval that holds where there are few women, at the price of being wide.",
    "Wilson": "An interval of a share that holds near 0 and 1 and for few cases; of fewer than "
    "five cases it is the wider one of Clopper and Pearson.",
    "Bootstrap": "Drawing the women anew, with replacement, many times, to see how far a number "
    "moves by chance.",
    "p value": "How often chance alone would give a difference at least as large, if there were "
    "none.",
    "Holm": "A correction for looking at several differences: without it one of twenty looks real "
    "by chance.",
    "Bonferroni": "A correction for looking at several differences: the more of them, the "
    "less likely by chance each has to be, and the wider is each interval.",
    "Not inferior": "Worse by less than a margin that was fixed beforehand.",
    # what a probability is worth
    "Calibration": "Whether of the cases with score 0.2 about 20 of 100 have cancer.",
    "Calibration slope": "Below 1 the scores are too extreme, above 1 too timid.",
    "ECE": "Expected calibration error: how far scores and the share of cancers lie apart on "
    "average, over bins of cases; 0 is perfect.",
    "ICI": "Integrated calibration index: how far scores and the share of cancers lie apart on "
    "average, along a smooth curve; 0 is perfect.",
    "Brier score": "The mean squared distance of scores from the truth (0 or 1): 0 is perfect.",
    "Re-calibration": "A map from scores to probabilities, fitted on validation cases: what a "
    "score of 0.2 says, not who comes before whom.",
    "Temperature": "One number that all scores are softened or sharpened by; their order stays.",
    "Platt": "A re-calibration by two numbers, slope and offset of the log-odds; the order stays.",
    "Isotonic": "A re-calibration by steps that only rise; it needs many cases.",
    "Log-odds": "The logarithm of probability over its opposite: 0 is one half, each unit makes "
    "cancer about 2.7 times as likely against its absence.",
    "Net benefit": "Cancers found minus false alarms weighed by the threshold: what a decision is "
    "worth against calling all or nobody.",
    "Decision curve": "Net benefit over a range of thresholds, beside calling all or nobody.",
    "Triage": "Ruling out alone, here: cases below a low score are read by nobody.",
    # studies
    "External test": "On women of another data set than the one learnt from, such as of another "
    "hospital: what a model is worth elsewhere.",
    "Power": "How often a study of this size would show a difference that is really there.",
    "Learning curve": "How results grow with the number of women learnt from.",
    "Verification bias": "Where only women who were called back were checked, nobody counts the "
    "cancers of the others: sensitivity looks better than it is.",
    "Enriched": "Put together with more cancers than screening has: what hangs on their share, "
    "such as PPV, is another in practice.",
    "Correlation": "How far two figures rise and fall together from case to case: 0 is not at all, "
    "1 is always.",
    "Standard deviation": "How far values lie from their mean, as a rule: about two of three lie "
    "within it.",
    # readers
    "Kappa": "How far two readers, or a model and the truth, agree beyond chance: 0 is chance, 1 "
    "is always.",
    "Quadratic kappa": "Kappa of ordered classes: two steps apart count four times as much as one.",
    "MRMC": "A study of several readers on the same cases: readers and cases are both drawn by "
    "chance.",
    "BI-RADS": "Words of the American College of Radiology: 0 needs more images, 1 "
    "negative, 2 benign, 3 probably benign, 4 suspicious, 5 highly suggestive of cancer, 6 proven "
    "cancer.",
    # images
    "CC": "Cranio-caudal: the breast seen from above.",
    "MLO": "Medio-lateral oblique: the breast seen from the side, at a slant, with the chest "
    "muscle.",
    "Density": "How much of the breast is white on the image, from A (fatty) to D (extremely "
    "dense); cancers hide in it.",
    "Window": "Which grey values are spread from black to white on the screen.",
    "CLAHE": "Contrast raised part by part of an image, within a limit.",
    "Modality": "In an archive the kind of imaging, MG for mammography; in a reader study a way of "
    "reading, such as with the model.",
    "Accession number": "The number under which a hospital keeps one examination that was ordered.",
    "Case": "What is counted: an image, a breast, an exam or a woman.",
    "Heatmap": "Which places of an image the score comes from; not where a cancer is.",
    "Grad-CAM": "A heatmap from the network's last map, weighed by how much each channel raises "
    "the score.",
    "Fidelity": "Whether heatmaps point at marked lesions more than those of the same network with "
    "shuffled weights.",
    "Embedding": "An image as the network sees it, a list of numbers: images that look alike to it "
    "lie close together.",
    "Phantom": "A mammogram that was drawn by a program, of a drawn woman: to try things on, and "
    "nothing it shows holds for women.",
    # training
    "Recipe": "Settings of a training that work, under one name; each can be changed.",
    "Label rule": "What makes an image positive, such as a cancer proven by biopsy.",
    "Backbone": "The part of a network that turns an image into features; a small head on top "
    "makes the score of them.",
    "Pretrained weights": "What a network has learnt elsewhere, from photographs or other "
    "mammograms, before it sees these women.",
    "Checkpoint": "A trained model as it is kept: its weights, its settings and its card.",
    "Model card": "What a model is for, what it learnt from, how well it did and where its limits "
    "are, on one page.",
    "Pre-flight": "A short try before a training: some images as the network will see them, and "
    "how long it will take.",
    "Linear probe": "The last layer alone is trained: shows what the features are worth as such.",
    "BatchNorm": "A layer that centres and scales features by what it saw in training; trained "
    "alone, it adapts a network to other machines.",
    "Pooling": "How a map of places becomes one score: by the strongest place (max), the mean "
    "(avg), or between (gem).",
    "Dropout": "Parts of the network are left out by chance in training, so that none is relied on "
    "alone.",
    "Optimiser": "The rule by which weights change: SGD follows the slope, Adam scales each step, "
    "AdamW keeps weights small as well.",
    "Learning rate": "How far weights move in a step: too far never settles, too little never "
    "arrives.",
    "Schedule": "How the learning rate changes in the course of a training, such as down a cosine.",
    "Warm-up": "The first epochs, in which the learning rate rises from nearly nothing.",
    "Weight decay": "At each step weights are drawn a little towards zero, against learning by "
    "heart.",
    "Batch": "The images that are looked at before weights change once.",
    "Gradient accumulation": "Several batches count as one larger one, without its memory.",
    "Gradient clipping": "A step longer than this is shortened, so that no odd batch throws the "
    "network off.",
    "Early stopping": "Training ends after so many epochs that were no better on the validation "
    "women.",
    "EMA": "Exponential moving average: a running mean of the weights is kept, steadier than the "
    "last ones alone.",
    "Mixed precision": "Most numbers are kept with fewer digits: faster on a GPU, nearly the same "
    "result.",
    "Seed": "Where all draws by chance start from: the same seed, the same draws.",
    "Augmentation": "Training images are changed by chance, such as turned or brightened, so that "
    "a network learns what stays.",
    "Mixup": "Two training images are laid over each other, and their labels mixed alike.",
    "Oversampling": "Images of the rarer class are shown more often in an epoch.",
    "Class weights": "A mistake on the rarer class costs more.",
    "Focal loss": "A loss in which images that are right already count less, so that hard ones "
    "decide.",
    "Label smoothing": "Labels count as a little less than certain, so that scores do not run to 0 "
    "and 1.",
    "Split": "Which women are learnt from (train), decide when to stop (validation), and are "
    "looked at last (test).",
    "Leak": "A woman, or a copy of her image, on both sides of a split: results look better than "
    "they are.",
    "Fold": "One of several equal parts of the women; each is the test set once, of a network that "
    "learnt from the others.",
    "Out of fold": "Scored by the one network that has not learnt from this woman.",
    "Ensemble": "Several models whose scores are joined into one.",
    "Epoch": "One pass of the training over all of its images.",
    "Loss": "What training lowers: how wrong, and how surely so, the scores are.",
    "Overfitting": "Learning the training images by heart: their loss falls, that of others rises.",
    "Confounder": "Something beside the cancer that goes along with the label, such as age or the "
    "machine, and can be learnt instead of it.",
    "Baseline": "A guess without a network, from age, density, site or grey values: what a model "
    "must beat.",
    "Reference standard": "What the truth rests on, such as biopsy, or a year without cancer.",
}


def meaning(*terms: str) -> str:
    """What stands behind a `?`: the sentence of a term, of several each with its name."""
    if len(terms) == 1:
        return MEANINGS[terms[0]]
    return "\n\n".join(f"**{term}**: {MEANINGS[term]}" for term in terms)


def glossary_text() -> str:
    """docs/glossary.md. To write it anew:
    `python -c "from mammo_core.glossary import *; print(glossary_text(), end='')"`.
    """
    rows = [f"| {term} | {MEANINGS[term]} |" for term in sorted(MEANINGS, key=str.casefold)]
    head = "# Glossary\n\nThe same sentences stand behind the `?` of these words in the app.\n"
    return "\n".join([head, "| term | what it means |", "|---|---|", *rows, ""])
