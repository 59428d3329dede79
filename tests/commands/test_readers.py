"""`mammo readers`: the same figures as on the page, from a table."""

from pathlib import Path

import pandas as pd
import pytest

from mammo_core.cli import main
from tests.metrics.test_reader_findings import made_up


@pytest.fixture
def table(tmp_path: Path) -> Path:
    study = made_up()
    path = tmp_path / "ours.csv"
    reads = pd.concat([study.reads, study.model])
    reads.assign(truth=reads["case"].map(study.truth).astype(int)).to_csv(path, index=False)
    return path


def test_a_table_is_judged_and_the_report_says_what_the_shell_says(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.md"
    assert main(["readers", str(table), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "3 readers read 60 cases of 30 women both without AI and with AI" in told.out
    assert told.out.count("of the average reader") == 6
    assert "density, model and ann, without AI: Kappa (quadratic)" in told.out
    assert "Not a medical device" in told.err
    report = out.read_text()
    assert "# Reader study: ours" in report
    assert report.count("random readers, random cases") >= 6
    assert "| density | model and ann | without AI |" in report


def test_what_cannot_be_judged_is_a_sentence(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, sentence in (
        (["nothing"], "neither a reader study called 'nothing' here nor a file"),
        ([str(table), "--ways", "without AI", "drunk"], "Nobody read the cases 'drunk'"),
        ([str(table), "--out", str(tmp_path / "a.pdf")], "a.pdf must end in .html, .md, .csv"),
    ):
        assert main(["readers", *arguments]) == 2
        assert sentence in capsys.readouterr().err
