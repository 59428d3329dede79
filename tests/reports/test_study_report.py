import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import (
    AuditConfig,
    EvaluateConfig,
    PatchConfig,
    RunConfig,
    load_settings,
    save_settings,
)
from mammo_core.datasets.adapters.adapter import DENSITY, NORMAL_BENIGN_CANCER
from mammo_core.datasets.audit.result import AuditResult, Finding, Severity, write_audit
from mammo_core.datasets.dataset import (
    Registered,
    fingerprint_of,
    latest_audit,
    read_dataset,
    register,
)
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import MammoError
from mammo_core.files import audits_root, datasets_root
from mammo_core.metrics.ensemble import Averaging, Ensemble, Member, save_ensemble
from mammo_core.reports.checklists.checklist import Status, answered
from mammo_core.reports.study.report import GUIDELINES, Format, card_text, study_text
from mammo_core.reports.study.women import read_reported
from mammo_core.runs.card import Metric, read_card
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus, card_hash
from mammo_core.runs.measured import (
    Fidelity,
    MeasuredRate,
    StressResult,
    StressTest,
    add_fidelity,
    add_froc,
    add_stress,
)
from mammo_core.runs.operating_points import note_opening, openings_of
from mammo_core.runs.sidecars import SEEN_COLUMNS, SEEN_NAME, write_seen
from mammo_core.runs.verification import Verification, Verified
from mammo_core.scores import Recalibration, ScoreMap
from mammo_core.types import Level, RunState, Split
from tests.predictions import made_up_predictions, write_run
from tests.reports.made_up_study import RUN, change_card
from tests.runs.test_froc import froc

NOON = "2026-01-02T12:00:00+00:00"


def markdown_of(run: RunFolder) -> str:
    root = run.path.parent
    return study_text(
        run, [root], audits=root / "audits", form=Format.MARKDOWN, by="a test", now=NOON
    )


def write_an_audit(root: Path, folder: Path) -> None:
    run = RunFolder(root / "audits" / "20260101-000000-audit-made")
    run.path.mkdir(parents=True)
    config = AuditConfig(
        name="women", folder=str(folder), adapter="csv_folder", label_rule="as-written"
    )
    save_settings(config, run.file("run.json"))
    run.write_status(RunStatus(state=RunState.FINISHED))
    finding = Finding(
        check="made up", severity=Severity.WARNING, sentence="Too tidy.", rows=("a", "b")
    )
    result = AuditResult(
        adapter="csv_folder", title="My own images", label_rule="as-written", rule_title="",
        population="unknown", imaging="unknown", reference_standard="invented",
        label_level="image", fingerprint=fingerprint_of(read_dataset(folder).manifest),
        made_at=NOON, images=241, women=60, counts=(), shapes=(), findings=(finding,),
        shortcuts=(), precision=None, notes=(),
    )  # fmt: skip
    write_audit(result, run.file("audit.json"))


def test_a_report_has_every_section(study: RunFolder) -> None:
    titles = [line[3:] for line in markdown_of(study).splitlines() if line.startswith("## ")]
    assert titles == [
        "Data", "Audit of the data", "Flow of women and images", "Who the women are", "Split",
        "Preprocessing", "Model", "Training", "Results at every level", "Guesses without a network",
        "Threshold: promised and delivered", "Calibration", "Parts of the cases", "Mistakes",
        "External evaluation", "Fidelity of heatmaps", "Stress",
        "How often this test set was opened", "Limits",
        "Checklist: CLAIM 2024", "Checklist: STARD-AI 2025", "Checklist: TRIPOD+AI 2024",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_part_of_the_curve_is_told_with_its_interval_or_with_why_not(
    study: RunFolder, tmp_path: Path
) -> None:
    assert re.search(
        r"20 women with and as many without cancer, .* there are \d+\.", markdown_of(study)
    )
    many = write_run(tmp_path, f"{RUN}-many", made_up_predictions(women=120, with_cancer=40))
    text = markdown_of(many)
    assert re.search(r"specificities 0.8 to 1: 0\.\d{3} \(95 % 0\.\d{3} to [01]\.\d{3}\)", text)
    assert re.search(r"at most 10% of these cases finds \d+\.\d %, \d+ of \d+ \(95 %", text)


@pytest.mark.slow
def test_the_audit_of_the_same_folder_and_rule_is_in_it(
    study: RunFolder, study_folder: Path
) -> None:
    assert "Not audited" in markdown_of(study)
    write_an_audit(study.path.parent, study_folder)
    text = markdown_of(study)
    assert "Not audited" not in text
    assert "| warning | made up | Too tidy. | 2 |" in text


@pytest.mark.slow
def test_an_audit_of_an_older_table_is_said_to_be_one(study: RunFolder, study_folder: Path) -> None:
    write_an_audit(study.path.parent, study_folder)
    manifest = study_folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("w059", "w999"))
    assert "The table of the data set has changed since that audit." in markdown_of(study)


@pytest.mark.slow
def test_looks_are_counted_with_this_one_and_those_of_other_models(study: RunFolder) -> None:
    other = write_run(study.path.parent, f"{RUN}-twin", made_up_predictions(women=4))
    card = read_card(study.file("model_card.json"))
    change_card(other, replace(card, weights_sha256="a" * 64))
    for day in ("02", "03", "04"):
        note_opening(other, by="a test", now=NOON.replace("-02T", f"-{day}T"))
    for hour in ("T09:00", "T09:20", "T09:40"):
        note_opening(study, by="a test", now=NOON.replace("T12:00", hour))
    text = markdown_of(study)
    assert "were opened on 2 occasions" in text
    assert "on the same women; their results were opened on 3 occasions" in text


@pytest.mark.slow
def test_no_patient_no_validation_one_class_and_no_labels_are_a_sentence_each(
    tmp_path: Path,
) -> None:
    table = made_up_predictions()
    nobody = table.assign(patient_id=pd.NA, exam_id=pd.NA, group_id=table["image_id"])
    for name, rows, sentence in (
        ("nobody", nobody, "every interval is too narrow"),
        ("healthy", table.assign(positive=False, label="no cancer"), "cases are of one class"),
        ("unknown", table.assign(positive=pd.NA, label=pd.NA), "None of these predictions has a"),
        ("three", table.iloc[:3], "No AUC by breast"),
        ("equal", table.assign(score=0.5), "AUC by image 0.500"),
    ):
        assert sentence in markdown_of(write_run(tmp_path, f"{RUN}-{name}", rows)), name


def test_a_run_with_neither_card_nor_predictions_has_no_report(study: RunFolder) -> None:
    study.file("predictions.csv").unlink()
    study.file("model_card.json").unlink()
    with pytest.raises(MammoError, match="neither a model card nor predictions"):
        markdown_of(study)


def test_broken_predictions_are_refused_not_left_out(study: RunFolder) -> None:
    study.file("predictions.csv").write_text("image_id,model_id,score\na,b,7\n")
    with pytest.raises(MammoError, match="are not between 0 and 1"):
        markdown_of(study)


@pytest.mark.slow
def test_a_table_cut_at_the_end_of_a_line_is_said_beside_the_headline(study: RunFolder) -> None:
    path = study.file("predictions.csv")
    lines = path.read_text().splitlines(keepends=True)
    assert "not those the model card counts" not in markdown_of(study)
    path.write_text("".join(lines[:-20]))
    summary = markdown_of(study).split("## Data")[0]
    assert "test: 80 images of 20 women" in summary.split("Results are of")[0]


@pytest.mark.slow
def test_a_broken_card_is_said_to_leave_the_level_unknown(study: RunFolder) -> None:
    study.file("model_card.json").write_text("{")
    summary = markdown_of(study).split("## Data")[0]
    assert "so cases are counted by image" in summary
    assert "the looks and locks recorded for it, are missing" in summary


@pytest.mark.slow
def test_broken_settings_are_a_sentence(study: RunFolder) -> None:
    study.file("run.json").write_text("{")
    assert "The settings of the run are not known" in markdown_of(study)


@pytest.mark.slow
def test_folders_of_this_computer_are_not_in_a_report(study: RunFolder, study_folder: Path) -> None:
    assert str(study_folder.parent) not in markdown_of(study)
    study_folder.rename(study_folder.with_name("elsewhere"))
    assert str(study_folder.parent) not in markdown_of(study)


@pytest.mark.slow
def test_what_is_known_of_stress_is_in_it_for_this_card_alone(study: RunFolder) -> None:
    add_stress(study, made_up_stress("a" * 64))
    assert "how scores hold under changed images was not measured" in markdown_of(study)
    add_stress(study, made_up_stress(card_hash(study)))
    assert "Noise: AUC 0.700 (95 % 0.600 to 0.800)" in markdown_of(study)


def made_up_stress(card_sha256: str) -> StressTest:
    noise = StressResult(
        name="noise", title="Noise", auc=0.7, auc_low=0.6, auc_high=0.8, auc_change=-0.1,
        change_low=-0.2, change_high=0.0,
    )  # fmt: skip
    return StressTest(
        dataset="women", split="test", images=10, positive_images=4, women=5, engine="made up",
        auc=0.8, auc_low=0.7, auc_high=0.9, level=None, threshold=None, sensitivity=None,
        results=(noise,), seed=0, measured_at=NOON, card_sha256=card_sha256,
    )  # fmt: skip


def write_evaluation(study: RunFolder, folder: Path) -> RunFolder:
    run = write_run(study.path.parent, f"{RUN}-evaluate", made_up_predictions(women=60))
    run.file("model_card.json").unlink()
    config = EvaluateConfig(
        checkpoint=RUN, folder=str(folder), adapter="csv_folder", label_rule="as-written"
    )
    save_settings(config, run.file("run.json"))
    return run


@pytest.mark.slow
def test_an_evaluation_is_reported_with_the_card_of_its_model(
    study: RunFolder, study_folder: Path
) -> None:
    text = markdown_of(write_evaluation(study, study_folder))
    assert "Results are of an external evaluation: 120 cases by breast of 60 women" in text
    assert "Left out, not scored (unreadable, blank or a mask): 1 image of 1 woman." in text
    assert "women trained on may be among these cases" in text


@pytest.mark.slow
def test_what_is_known_of_heatmaps_is_in_it(study: RunFolder) -> None:
    assert "whether the heatmaps of this model show that was not measured" in markdown_of(study)
    add_fidelity(study, made_up_fidelity(card_hash(study)))
    text = markdown_of(study)
    assert "On 10 images of 5 women with a marked lesion" in text
    assert "was not measured" not in text[text.index("## Fidelity") : text.index("## Stress")]


def made_up_fidelity(card_sha256: str) -> Fidelity:
    figure = MeasuredRate(
        value=0.5, low=0.3, high=0.7, chance=0.1, gain=0.4, gain_low=0.2, gain_high=0.6
    )
    return Fidelity(
        method="grad_cam", dataset="women", split="test", images=10, women=5, pointing=figure,
        energy=figure, overlap=figure, deletion=figure, insertion=figure, likeness=0.1,
        likeness_low=0.0, likeness_high=0.2, pointing_of_shuffled=0.1, seed=0, measured_at=NOON,
        card_sha256=card_sha256,
    )  # fmt: skip


@pytest.mark.slow
def test_of_a_model_of_patches_the_lesions_it_finds_stand_in_report_and_card(
    study: RunFolder,
) -> None:
    card = read_card(study.file("model_card.json"))
    change_card(study, replace(card, patches=PatchConfig()))
    root = study.path.parent
    for text in (markdown_of(study), card_text(study, [root], audits=root, form=Format.MARKDOWN)):
        assert "whether it finds lesions in whole images was not measured" in text
    add_froc(study, froc(card_hash(study)))
    for text in (markdown_of(study), card_text(study, [root], audits=root, form=Format.MARKDOWN)):
        assert "## Lesions found in whole images" in text
        assert "at 1 false mark an image 30 of 40 lesion boxes found, 75 % (95 % 60 to 86)." in text
        assert "## Fidelity of heatmaps" not in text
        assert "## Operating point" not in text


@pytest.mark.slow
def test_evaluations_of_a_model_are_named_in_its_report(
    study: RunFolder, study_folder: Path
) -> None:
    assert "None of this model is kept here." in markdown_of(study)
    write_evaluation(study, study_folder)
    assert "It was evaluated on women (run 2026" in markdown_of(study)


@pytest.mark.slow
def test_what_a_model_is_worth_elsewhere_stands_beside_what_others_are(
    study: RunFolder, study_folder: Path
) -> None:
    """Of its own women only those it was tested on count, whoever scores them."""
    evaluation = write_evaluation(study, study_folder)
    text = section_of(markdown_of(study), "External evaluation")
    name = evaluation.run_id.replace("_", r"\_")
    (row,) = [line for line in text.splitlines() if line.endswith(f"| {name} |")]
    assert "of 48 positive, by breast" in row
    assert "The women it was trained on are left out." in text
    assert "labels by as the manifest's author decided; licence: yours." in text
    assert "AUC of every model" not in text  # nobody else has scored them
    other = write_run(study.path.parent, f"{RUN}-other", made_up_predictions(women=60, seed=1))
    again = write_run(study.path.parent, f"{RUN}-other-evaluate", made_up_predictions(women=60))
    again.file("model_card.json").unlink()
    config = load_settings(evaluation.file("run.json"), EvaluateConfig)
    save_settings(replace(config, checkpoint=other.run_id), again.file("run.json"))
    text = section_of(markdown_of(study), "External evaluation")
    assert f"| {other.run_id} |".replace("_", r"\_") in text
    assert len(openings_of(again)) == 1  # its results were shown


@pytest.mark.slow
def test_women_of_an_evaluation_that_the_model_has_learnt_from_are_told_and_left_out(
    study: RunFolder, study_folder: Path
) -> None:
    """It went on from another model that had seen two of them under this very data set."""
    evaluation = write_evaluation(study, study_folder)
    scored = read_predictions(evaluation.predictions_file)
    women = list(scored["group_id"].unique()[:2])
    seen = scored[scored["group_id"].isin(women)].assign(split="train", content="")
    write_seen(seen[list(SEEN_COLUMNS)], None, study.file(SEEN_NAME))
    own = section_of(markdown_of(study), "External evaluation")
    assert "that it, or a model it went on from, learnt from." in own
    limits = section_of(markdown_of(evaluation), "Limits")
    assert f"learnt from 2 of these women (first: {women[0]})" in limits


def section_of(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.slow
def test_an_evaluation_on_another_question_is_said_to_be_one(
    study: RunFolder, study_folder: Path
) -> None:
    """Cancer against no cancer is learnt; CMMD holds benign and malignant lesions alone."""
    card = read_card(study.file("model_card.json"))
    change_card(study, replace(card, data=replace(card.data, label_rule="as-written")))
    run = write_evaluation(study, study_folder)
    config = load_settings(run.file("run.json"), EvaluateConfig)
    save_settings(replace(config, adapter="cmmd", label_rule="biopsy"), run.file("run.json"))
    sentence = "these labels tell benign against malignant among lesions."
    text = markdown_of(run)
    assert sentence in section_of(text, "Limits")
    assert "Reference standard of what was evaluated | biopsy; licence: CC BY" in text
    own = section_of(markdown_of(study), "External evaluation")
    assert sentence in own
    assert r" \*, " in own


@pytest.mark.slow
def test_a_command_that_audits_is_found_by_the_report(
    study: RunFolder, study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["audit", str(study_folder)]) == 0  # none of its images is there
    text = study_text(
        study, [study.path.parent], audits=audits_root(), form=Format.MARKDOWN, by="t", now=NOON
    )
    assert "Not audited" not in text
    assert re.search(r"Audited \d+ \w+ 20\d\d", text)
    entry = Registered(
        name="our women", folder=str(study_folder), adapter="csv_folder", label_rule="as-written"
    )
    assert latest_audit(entry, audits_root()) is None
    register(datasets_root(), entry)
    assert main(["audit", str(study_folder)]) == 0
    assert latest_audit(entry, audits_root()) is not None  # the Data page finds it as well


@pytest.mark.slow
def test_the_three_guidelines_agree_on_an_external_evaluation(
    study: RunFolder, study_folder: Path
) -> None:
    def said() -> set[Status]:
        told = read_reported(study, [study.path.parent], audits=study.path.parent / "audits")
        return {
            answer.status is Status.NOT_DONE
            for guideline in GUIDELINES
            for item, answer in answered(guideline, told)
            if (guideline.title[:5], item.number) in EXTERNAL
        }

    assert said() == {True}
    write_evaluation(study, study_folder)
    assert said() == {False}


#: Where each guideline asks for an external evaluation.
EXTERNAL = {("CLAIM", "33"), ("STARD", "29"), ("TRIPO", "16")}


@pytest.mark.slow
def test_rates_of_papers_stand_beside_ours_and_not_without_their_intervals(
    study: RunFolder,
) -> None:
    """F1 has an interval of 24 test women; the spread of a probabilistic F1 needs more."""
    table = read_predictions(study.file("predictions.csv"))
    text = section_of(markdown_of(study), "Threshold: promised and delivered")
    (row,) = [line for line in text.splitlines() if line.startswith("| F1 |")]
    assert "(95 % " in row
    hidden = "| Probabilistic F1 | – (no interval is available, so no value is shown) | yes |"
    assert hidden in text
    more = made_up_predictions(women=90, with_cancer=40).assign(split="test")
    rest = table[table["split"] == "val"].assign(image_id=lambda one: one["image_id"] + "v")
    run = write_run(study.path.parent, f"{RUN}-more", pd.concat([more, rest]))
    text = section_of(markdown_of(run), "Threshold: promised and delivered")
    (row,) = [line for line in text.splitlines() if line.startswith("| Probabilistic F1 |")]
    assert "(95 % " in row


@pytest.mark.slow
def test_where_a_registered_data_set_lay_is_not_told(study: RunFolder, study_folder: Path) -> None:
    entry = Registered(
        name="our women", folder=str(study_folder), adapter="csv_folder", label_rule="as-written"
    )
    register(datasets_root(), entry)
    config = load_settings(study.file("run.json"), RunConfig)
    named = replace(config, data=replace(config.data, folder="our women"))
    save_settings(named, study.file("run.json"))
    text = markdown_of(study)
    assert "Found: 60 women" in text
    assert "| Reference standard | " in text
    assert "“without cancer” rests on" not in text  # no more is known, and that much is said
    told = Verification(without_cancer=Verified.OPINION, of_recalled=True)
    register(datasets_root(), replace(entry, verification=told))
    text = markdown_of(study)
    assert "“Without cancer” rests on a reader's opinion, without follow-up." in text
    assert "| Sensitivity (recall), of the verified |" in text
    study_folder.rename(study_folder.with_name("elsewhere"))
    text = markdown_of(study)
    assert "The data set our women cannot be read any more" in text
    assert str(study_folder) not in text


@pytest.mark.slow
def test_a_model_of_three_classes_has_a_table_of_them(tmp_path: Path) -> None:
    table = made_up_predictions(women=40)
    words = {True: "cancer", False: "normal"}
    benign = table["patient_id"] >= "w028"  # 12 women; of fewer, F1 over the classes tells nothing
    table["label"] = table["positive"].map(words).mask(benign, "benign").astype("string")
    table["p_cancer"] = table["score"]
    table["p_benign"] = table["p_normal"] = (1 - table["score"]) / 2
    run = write_run(tmp_path, f"{RUN}-three", table, task=NORMAL_BENIGN_CANCER)
    text = markdown_of(run)
    assert "## Classes" in text
    assert "|  | called normal | called benign | called cancer |" in text
    assert "F1, the mean over the classes: 0." in text
    (row,) = [line for line in text.splitlines() if line.startswith("| cancer | 40 |")]
    assert row.count("(95 %") == 4  # sensitivity, precision, F1 and AUC
    assert "kappa" not in text  # these classes have no order


@pytest.mark.slow
def test_a_model_of_ordered_classes_is_told_by_its_median_class_and_kappa(tmp_path: Path) -> None:
    table = made_up_predictions(women=40).assign(label=lambda rows: rows["density"])
    said = table["label"].mask(table["patient_id"] == "w001", "D")  # she is B
    for name in DENSITY.classes:
        table[f"p_{name}"] = (said == name).astype("float64")
    table["score"] = table["p_C"] + table["p_D"]
    table["positive"] = table["label"].isin(DENSITY.positive).astype("boolean")
    text = markdown_of(write_run(tmp_path, f"{RUN}-ordered", table, task=DENSITY))
    assert "The median class is right in 97.5 %, 156 of 160" in text
    # Four images are two classes off: 16. By chance, 72 called B and 88 called D: 408.
    assert "Quadratic weighted kappa 0.961 (95 % 0." in text


@pytest.mark.slow
def test_an_ensemble_names_its_members(study: RunFolder) -> None:
    run = write_run(study.path.parent, f"{RUN}-joined", made_up_predictions())
    run.file("model_card.json").unlink()
    even = ScoreMap(kind=Recalibration.PLATT, prevalence=0.5)
    members = tuple(
        Member(run_id=name, weights_sha256="0", score_map=even, reference=(0.5,))
        for name in ("one", "other")
    )
    save_ensemble(Ensemble(method=Averaging.MEAN, members=members), run.file(MEMBERS_NAME))
    text = markdown_of(run)
    assert "An ensemble of 2 models, joined by mean" in text
    assert "mean of 2 models: one, other." in text
    assert "Results are of the test cases of an ensemble: 240 cases by image" in text


def test_the_card_in_words_has_its_numbers_with_their_intervals(study: RunFolder) -> None:
    metric = Metric(
        name="auc", level=Level.BREAST, split=Split.TEST, value=0.8, low=0.7, high=0.9,
        method="DeLong", positives=8, negatives=40, women=24,
    )  # fmt: skip
    change_card(study, replace(read_card(study.file("model_card.json")), metrics=(metric,)))
    root = study.path.parent
    text = card_text(study, [root], audits=root, form=Format.MARKDOWN)
    assert "| AUC | test | breast | 0.800 (95 % 0.700 to 0.900; DeLong) | 8 | 40 | 24 |" in text
    assert "| test | 24 | 96 | 16 |" in text
    assert "No operating point is locked" in text


@pytest.mark.slow
def test_a_model_that_says_one_class_to_all_is_told_above_and_among_the_limits(
    tmp_path: Path,
) -> None:
    """It ranks well all the same: every image is likelier to be benign than anything else."""
    table = made_up_predictions(women=40)
    words = {True: "cancer", False: "normal"}
    table["label"] = table["positive"].map(words).astype("string")
    rest = 1 - table["score"] / 4
    table["score"] = table["score"] / 4
    table["p_cancer"], table["p_benign"], table["p_normal"] = table["score"], rest * 0.9, rest * 0.1
    text = markdown_of(write_run(tmp_path, f"{RUN}-one", table, task=NORMAL_BENIGN_CANCER))
    told = "160 of 160 are called 'benign', which 0 are. Never called: normal, cancer."
    assert told in text.split("## Data")[0]
    assert told in text[text.index("## Limits") :]
    mixed = table.assign(p_normal=(table["label"] == "normal").astype(float))
    assert "Collapsed" not in markdown_of(
        write_run(tmp_path, f"{RUN}-mixed", mixed, task=NORMAL_BENIGN_CANCER)
    )
