"""The docs build without a warning, and what they say of commands, data sets and models is so."""

import argparse
import math
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.findings import FOLDER, SHIPPED, kept_rows
from launcher.command import read_arguments
from mammo_core.cli import COMMANDS
from mammo_core.commands.train import changes_of
from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.predictions import read_predictions
from mammo_core.files import REPOSITORY, shipped_checkpoints_root
from mammo_core.reports.study.model_sections import files_in_words
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from mammo_core.training.by_recipe import rule_of, task_of
from mammo_core.training.recipes import get_recipe, with_changes
from mammo_core.zoo.catalog import FROM_CHECKPOINT

DOCS = REPOSITORY / "docs"
WRITE = "python -m tests.test_docs writes it anew"


def shell_lines() -> list[tuple[str, list[str]]]:
    """Every line of a code block, fenced or indented, that begins with `mammo`, by its file; in a
    sentence, what begins with `.venv/bin/mammo` and goes on.
    """
    found = []
    for path in (REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        fenced = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S)
        indented = re.findall(r"^ {4}(mammo .*)$", text, re.M)
        within = re.findall(r"`(\.venv/bin/mammo [^`]+)`", text)
        for line in [*"".join(fenced).splitlines(), *indented, *within]:
            said = line.strip().removeprefix(".venv/bin/")
            if said.startswith("mammo "):
                # what stands in brackets may be left out, or be there
                asked = shlex.split(re.sub(r"[\[\]]", "", said), comments=True)
                found.append((path.relative_to(REPOSITORY).as_posix(), asked[1:]))
    return found


def parsed(where: str, asked: list[str]) -> argparse.Namespace:
    commands = {command.name: command for command in COMMANDS}
    assert asked[0] in commands, where
    parser = argparse.ArgumentParser(prog=where, exit_on_error=False)
    commands[asked[0]].add_arguments(parser)
    return parser.parse_args([word for word in asked[1:] if word != "--help"])


def test_every_command_in_the_docs_is_one() -> None:
    lines = shell_lines()
    assert {"README.md", "docs/commands.md", "docs/archive.md"} <= {where for where, _ in lines}
    for where, asked in lines:
        if asked[-1] == "--help":
            asked = asked[:1]
            assert asked[0] in {command.name for command in COMMANDS}, where
        else:
            parsed(where, asked)


def test_the_unit_for_systemd_starts_the_app_with_options_it_has() -> None:
    told = (DOCS / "tutorials" / "hospital-it.md").read_text(encoding="utf-8")
    unit = re.findall(r"^```ini\n(.*?)^```", told, re.M | re.S)[0]
    python, script, *options = shlex.split(re.findall(r"^ExecStart=(.*)$", unit, re.M)[0])
    assert Path(python).is_absolute()  # as systemd asks
    assert (REPOSITORY / script).is_file()
    asked = read_arguments(options)
    assert (asked.shared, asked.name) == (True, ["mammo.lab.example"])
    assert {"User=mammo", "WorkingDirectory=/srv/mammoscope"} <= set(unit.splitlines())


def test_data_that_a_line_is_given_were_drawn_by_a_line_before() -> None:
    """Unless the name is in capitals: those stand for one's own."""
    for page in {where for where, _ in shell_lines()}:
        drawn = set()
        for asked in [asked for where, asked in shell_lines() if where == page]:
            if asked[0] == "phantom":
                drawn.add(parsed(page, asked).out.name)
            elif asked[0] in {"train", "evaluate"}:
                data = parsed(page, asked).data
                assert data is None or data.isupper() or data in drawn, (page, asked)
                assert data != "OTHER", page  # which is the name of a run


@pytest.mark.parametrize("name", ["ddsm-lesions-mobilenetv2", "rsna-mobilenetv2", "rsna-density"])
def test_what_ships_is_made_by_the_line_that_is_told(name: str) -> None:
    """But for the device, the names of folders, and which of the folds its settings are of."""
    made = RunFolder(shipped_checkpoints_root() / name).settings(RunConfig)
    (told,) = (
        one
        for where, asked in shell_lines()
        if where == "docs/commands.md" and asked[0] == "train"
        for one in [parsed(where, asked)]
        if one.recipe == made.recipe
    )
    recipe = get_recipe(told.recipe)
    data = DataConfig(
        folder=made.data.folder,
        adapter=made.data.adapter,
        label_rule=told.label_rule or rule_of(recipe, made.data.adapter),
    )
    config = with_changes(recipe.configure(recipe.deal(data), task_of(data)), changes_of(told.set))
    if recipe.continues:
        assert made.model.weights.startswith(FROM_CHECKPOINT)
        config = replace(config, model=replace(config.model, weights=made.model.weights))
    folds = replace(config.data, folds=told.folds or 0)
    assert replace(config, data=folds, device=made.device) == made


def told_of(finding: str) -> str:
    """What README says of it, in one line."""
    section = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("## Findings")[1]
    points = " ".join(section.split("\n## ")[0].split()).split("* **")[1:]
    (told,) = (one for one in points if f"benchmarks.findings {finding}" in one)
    return told


def figures_in(told: str) -> list[tuple[tuple[float, ...], float]]:
    """Values with their intervals, then those without; how far each may be off by rounding."""
    found = []
    for number, unit, whole in ((r"-?\.\d{3}", "", 1.0), (r"\d+", " %", 100.0)):
        for form in (rf"({number}){unit} \(({number}) to ({number})\)", rf"({number}){unit}(?!\w)"):
            for one in re.finditer(form, told):
                figure = tuple(float(part) / whole for part in one.groups())
                found.append((figure, 0.51 / whole if unit else 0.00051))
            told = re.sub(form, "", told)
    return found


@pytest.mark.parametrize("finding", sorted(path.stem for path in FOLDER.glob("*.csv")))
def test_figures_of_a_finding_are_those_of_its_csv(finding: str) -> None:
    rows = [(row.value, row.low, row.high) for row in kept_rows(finding)]
    figures = figures_in(told_of(finding))
    assert len(figures) >= 3
    for figure, apart in figures:
        assert any(
            all(abs(there - said) < apart for there, said in zip(row, figure, strict=False))
            for row in rows
        ), figure


def test_figures_of_the_models_that_ship_are_those_of_their_cards() -> None:
    """In README, where they are of the model named last, and in the radiologist's tutorial: rates
    with their counts, and what lies between 0 and 1, each with its interval.
    """
    found = shipped_checkpoints_root().glob("*/CARD.md")
    cards = {path.parent.name: path.read_text(encoding="utf-8") for path in found}
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    models = readme.split("## Models")[1].split("\n## ")[0]
    _, *parts = re.split(rf"`({'|'.join(cards)})`", models)
    told = [*zip(parts[::2], parts[1::2], strict=True)]
    told.append((SHIPPED, (DOCS / "tutorials" / "radiologist.md").read_text(encoding="utf-8")))
    counts = [figures_on(cards[name], " ".join(text.split())) for name, text in told]
    assert sum(rates for rates, _ in counts) >= 6
    assert sum(others for _, others in counts) >= 5


def figures_on(card: str, said: str) -> tuple[int, int]:
    """How many rates and other figures `said` tells, all of which stand on the card."""
    rate = r"(\d+) of (\d+)[^().;]*\((\d+(?:\.\d)?) %, (\d+(?:\.\d)?) to (\d+(?:\.\d)?)\)"
    rates = re.findall(rate, said)
    for part, whole, share, low, high in rates:
        of_cases = f"{share} %, {part} of {whole} (95 % {low} to {high} %)"
        of_lesions = f"{part} of {whole} lesion boxes found, {share} % (95 % {low} to {high})"
        assert of_cases in card or of_lesions in card, of_cases
    number = r"\.(\d{3})"
    told = set(re.findall(rf"{number} \((?:95 % )?{number} to {number}[;)]", said))
    known = set(re.findall(rf"0{number}[ ,(]+95 % \+?0{number} to \+?0{number}", card))
    assert told <= known
    return len(rates), len(told)


def test_breasts_of_the_first_finding_are_counted_from_the_models_predictions() -> None:
    table = read_predictions(shipped_checkpoints_root() / SHIPPED / "predictions.csv")
    women = table.groupby("patient_id").agg(breasts=("side", "nunique"), sick=("positive", "any"))
    sick, well = women[women["sick"]], women[~women["sick"]]
    told = told_of("table")
    assert f"{len(sick)} of {len(women)} women with cancer" in told
    assert f"{(sick['breasts'] == 1).sum()} of the {len(sick)} are there with one breast" in told
    assert f"{(well['breasts'] == 2).sum()} of the {len(well)} others with two" in told


@pytest.mark.parametrize("finding", sorted(path.stem for path in FOLDER.glob("*.svg")))
def test_a_picture_of_a_finding_tells_what_its_csv_holds(finding: str) -> None:
    """Differences with their sign. A table of four digits may be half a step beside its picture."""
    shown = re.findall(
        r">([-+]?\d\.\d{3})(?: \(([-+]?\d\.\d{3}) to ([-+]?\d\.\d{3})\))?<",
        (FOLDER / f"{finding}.svg").read_text(encoding="utf-8"),
    )
    drawn = [row for row in kept_rows(finding) if not row.what.startswith("split ")]
    drawn = [row for row in drawn if math.isfinite(row.value)]
    assert len(shown) == len(drawn)
    for texts, row in zip(shown, drawn, strict=True):
        for text, number in zip(texts, (row.value, row.low, row.high), strict=True):
            assert (text == "") == math.isnan(number)
            assert not text or abs(float(text) - number) < 0.00056
            assert not text or (text[0] in "+-") == (row.drawn_from > 0)


def test_every_page_of_the_app_and_every_person_has_a_page() -> None:
    pages = {path.stem for path in (REPOSITORY / "pages").glob("*.py")} - {"__init__"}
    assert {path.stem for path in (DOCS / "pages").glob("*.md")} == pages
    people = {"radiologist", "statistician", "engineer", "hospital-it"}
    assert {path.stem for path in (DOCS / "tutorials").glob("*.md")} == people


_KAGGLE = "https://www.kaggle.com"
_MIAS = "<http://peipa.essex.ac.uk/info/mias.html>"
FROM_WHERE = {
    "phantom_set": "drawn by `mammo phantom`",
    "csv_folder": "yours",
    "vindr_mammo": "<https://physionet.org/content/vindr-mammo/1.0.0/>, with an account there",
    "cbis_ddsm": "<https://www.cancerimagingarchive.net/collection/cbis-ddsm/>; the copy: "
    f"<{_KAGGLE}/datasets/awsaf49/cbis-ddsm-breast-cancer-image-dataset>",
    "cmmd": "<https://www.cancerimagingarchive.net/collection/cmmd/>",
    "rsna_2022": f"<{_KAGGLE}/competitions/rsna-breast-cancer-detection>, with an account there",
    "inbreast": "from its authors (Moreira et al. 2012, Academic Radiology 19)",
    "mini_ddsm": "*Mini-DDSM* (Lekamlage et al. 2020) on Kaggle",
    "mias": _MIAS,
    "mias_letters": _MIAS,
    "density_folders": "*Dataset of Breast mammography images with Masses* on Mendeley Data, "
    "<https://doi.org/10.17632/ywsbh3ndr8.2>",
    "detection": "where its author offers it, as on <https://universe.roboflow.com>",
    "rsna_export": "where its author offers it; `train.csv` as of RSNA 2022",
    "roboflow": "where its author offers it, as on <https://universe.roboflow.com>",
    "class_folders": "yours",
}


def data_sets_text() -> str:
    rows = [
        f"| {one.title} | {FROM_WHERE[one.name]} | {one.expects} | "
        f"{', '.join(rule.name for rule in one.label_rules)} | "
        f"{one.population}; {one.reference_standard} | {one.licence} |"
        for one in ADAPTERS
    ]
    return "\n".join(
        [
            "# Data sets",
            "",
            "A folder in one of these layouts is recognised by `mammo data register` and on the "
            "Data page. A label rule says what counts as positive. Nothing is fetched: bring a "
            "data set yourself, and read its licence. Your own images come in as *My own images "
            "(CSV)* or *One folder per class*.",
            "",
            "| data set | from where | what is expected | label rules | women; truth | licence |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def models_text() -> str:
    lines = [
        "# Models",
        "",
        "What ships. **For research only. Not a medical device.** A whole card: `mammo checkpoints "
        "show NAME`, `mammo report NAME --card`.",
        "",
    ]
    for folder in sorted(shipped_checkpoints_root().glob("*/model_card.json")):
        card = read_card(folder)
        lines += [
            f"## {card.model_id}",
            "",
            f"{card.title}. {card.task.title}; the score is of {' or '.join(card.task.positive)}.",
            "",
            f"* {card.data.describe(card.data.label_level)} Imaging: {card.data.seen}. Measured on "
            f"{files_in_words(card.data)}.",
            f"* Licence of its data: {card.data.licence.rstrip('.')}.",
            *(
                f"* {one.title} by {card.case(one.level)}, {card.split_name(one.split)}: "
                f"{one.value:.3f} (95 % {one.low:.3f} to {one.high:.3f}; {one.method}), "
                f"{one.positives:,} positive, {one.negatives:,} not, {one.women:,} women."
                for one in card.metrics_to_show
                if one.value is not None and one.low is not None and one.high is not None
            ),
            *(f"* {limit}" for limit in card.limits),
            "",
        ]
    return "\n".join(lines)


MADE = {"data-sets.md": data_sets_text, "models.md": models_text}


@pytest.mark.parametrize("name", MADE)
def test_data_sets_and_models_are_told_as_they_are(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == MADE[name](), WRITE


def test_what_has_learnt_patches_is_told_by_patch() -> None:
    assert "AUC by patch, test: 0.938" in models_text()
    card = shipped_checkpoints_root() / "ddsm-lesions-mobilenetv2" / "CARD.md"
    text = card.read_text(encoding="utf-8")
    measured = text.split("## Measured")[1].split("\n## ")[0]
    assert "| AUC | test | patch | 0.938" in measured
    assert "image" not in measured
    assert "| Split | Women or groups | Patches | Positive patches |" in text


def test_the_code_that_metrics_name_is_there() -> None:
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(metrics/\w+\.py)`", text))
    assert len(named) >= 8
    assert all((REPOSITORY / "mammo_core" / name).is_file() for name in named)


def test_what_metrics_are_after_is_among_the_references() -> None:
    told, listed = (DOCS / "metrics.md").read_text(encoding="utf-8").split("## References")
    authors = r"([A-Z][A-Za-z]+(?:-[A-Z][a-z]+)?)(?: and [A-Z][a-z]+| et al\.)?"
    after = set(re.findall(rf"{authors} \(?(\d{{4}})\b", told))
    assert len(after) >= 18
    first = {
        (one.split()[0].rstrip(","), year)
        for one, year in re.findall(r"^\* (\D+)(\d{4}):", listed, re.M)
    }
    assert after <= first


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    pages = list(DOCS.rglob("*.md"))
    assert all((tmp_path / page.relative_to(DOCS)).with_suffix(".html").is_file() for page in pages)
    assert "fonts.googleapis" not in (tmp_path / "index.html").read_text(encoding="utf-8")


TOLD = {
    "statistician": ["phantom", "audit", "train", "train", "margin", "lock", "report"],
    "engineer": [
        "phantom", "phantom", "recipes", "train", "runs", "evaluate", "explain-check", "predict",
    ],
}  # fmt: skip
LEAVES = {"statistician": "report.html", "engineer": "scores.csv"}


@pytest.mark.slow
@pytest.mark.parametrize("person", TOLD)
def test_a_tutorial_goes_as_it_is_told(
    person: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line of it, with the name that training prints put in."""
    from mammo_core.cli import main

    # A test of a page leaves the page there, and each process that draws phantoms would run it.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "sample_images").symlink_to(REPOSITORY / "sample_images")
    lines = [asked for where, asked in shell_lines() if where == f"docs/tutorials/{person}.md"]
    assert [asked[0] for asked in lines] == TOLD[person]
    for asked in lines:
        made = sorted(path.parent.name for path in (tmp_path / "runs").glob("*/run.json"))
        names = {"RUN": made[:1], "OTHER": made[1:]}
        line = [name for word in asked for name in names.get(word, [word])]
        assert main(line) == 0, line
    assert (tmp_path / LEAVES[person]).stat().st_size > 500


if __name__ == "__main__":
    for name, text in MADE.items():
        (DOCS / name).write_text(text(), encoding="utf-8")
