"""Everything of a read case that can be taken away without identity, and all of it as one zip."""

from mammo_core.reports.case_dicom import pseudonymous_dicom
from mammo_core.reports.case_export import NOTICE, to_csv
from mammo_core.reports.case_file import CaseFile, to_zip
from mammo_core.reports.case_html import to_html
from mammo_core.reports.case_json import to_json
from mammo_core.reports.case_picture import Look, pictures
from mammo_core.reports.case_pseudonyms import Pseudonyms
from mammo_core.reports.case_record import ReadCase

_READ_ME = f"""{NOTICE}

scores.csv      one row per image
case.json       scores, verdicts, regions, model, and what was done to the pixels
report.html     one page to print
pictures/       each view with and without heatmap
dicom/          the same as DICOM, under pseudonyms: images as read, heatmaps, structured report
"""


def case_zip(case: ReadCase, look: Look, pseudonyms: Pseudonyms) -> bytes:
    """Nothing in it names the woman, the hospital or the researcher's files."""
    texts = {
        "README.txt": _READ_ME,
        "scores.csv": to_csv(case),
        "case.json": to_json(case, pseudonyms),
        "report.html": to_html(case, pseudonyms, look),
    }
    files = [CaseFile(name=name, content=text.encode()) for name, text in texts.items()]
    files += pictures(case, look)
    files += pseudonymous_dicom(case, look, pseudonyms)
    return to_zip(files, folder=case.name)
