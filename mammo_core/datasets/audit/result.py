"""The result of an audit: its findings, as kept in audit.json and shown."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.errors import TableError
from mammo_core.files import replace_file
from mammo_core.records import damage_in_words, from_document, to_document
from mammo_core.types import Level

AUDIT_FILE: Final = "audit.json"  # in the folder of an audit
REPORT_FILE: Final = "report.html"
FIRST_FILE: Final = "first.json"  # what a sample of the files told, while the rest is looked at


class Severity(StrEnum):
    """SERIOUS: results made from this table mean nothing. WARNING: they mean less than they seem.
    NOTE: something to know."""

    SERIOUS = "serious"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, in a sentence, with the rows behind it.

    `rows` are image ids, or what else the sentence speaks of; `pictures` are paths of images worth
    looking at, those that belong together side by side.
    """

    check: str
    severity: Severity
    sentence: str
    rows: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


def texts(values: Iterable[object]) -> tuple[str, ...]:
    """Each value once, as text, in order of appearance."""
    return tuple(dict.fromkeys(str(value) for value in values))


SCHEMA_VERSION: Final = 1

ASSUMED_AUC: Final = 0.8
ASSUMED_SENSITIVITY: Final = 0.9
ASSUMED_CORRELATION: Final = 0.5  # between the AUCs of two models on the same women
_TELLING: Final = 0.55  # an AUC whose lower bound is above it


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Images and women of one class in one split."""

    split: str
    label: str
    images: int
    women: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageShape:
    """How many images have one size and kind of file."""

    height: int
    width: int
    bits: int
    kind: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """What guesses the label, counted how, and how well. `cases` are images, or women."""

    name: str
    level: Level
    auc: float
    low: float
    high: float
    positives: int
    negatives: int
    women: int

    @property
    def is_telling(self) -> bool:
        return self.low > _TELLING


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """What a test set of so many women can show. `smallest_difference` is between two AUCs."""

    women_with: int
    women_without: int
    people: str  # "women", or what else is counted where no woman is known
    is_official: bool
    auc_half_width: float
    sensitivity_low: float
    sensitivity_high: float
    smallest_difference: float

    @property
    def sentence(self) -> str:
        a_part = f"A quarter of the {self.people} as a test set"
        whose = "The test split" if self.is_official else a_part
        return (
            f"{whose} has {self.women_with} {self.people} with and {self.women_without} without "
            f"a positive image. An AUC of {ASSUMED_AUC:.2f} will be known to "
            f"+- {self.auc_half_width:.3f}, a sensitivity of {ASSUMED_SENSITIVITY:.0%} to "
            f"{self.sensitivity_low:.0%} to {self.sensitivity_high:.0%}. Two models whose AUCs "
            f"correlate at {ASSUMED_CORRELATION} must differ by {self.smallest_difference:.3f} in "
            "AUC to be told apart in four of five tries."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What the audit found, worst first; `fingerprint` is that of the manifest it looked at."""

    adapter: str
    title: str
    label_rule: str
    rule_title: str
    population: str
    imaging: str
    reference_standard: str
    label_level: str
    fingerprint: str
    made_at: str
    images: int
    women: int
    counts: tuple[Count, ...]
    shapes: tuple[ImageShape, ...]  # the most common ones first
    findings: tuple[Finding, ...]
    shortcuts: tuple[Shortcut, ...]
    precision: Precision | None
    notes: tuple[str, ...]
    whose: str = ""  # how many women these are, and how many images of nobody known
    looked_at: int | None = None  # files, where not all were: the rest is still to come
    schema_version: int = SCHEMA_VERSION

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is severity)


def write_audit(result: AuditResult, path: Path) -> None:
    replace_file(path, json.dumps(to_document(result), indent=2) + "\n")


def read_audit(path: Path) -> AuditResult:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TableError(f"There is no readable audit at {path}: audit the data set.") from None
    except ValueError as error:
        raise TableError(
            f"There is no readable audit at {path}: {damage_in_words(error)}. Audit again."
        ) from None
    return from_document(document, AuditResult, where=path.name)


def findings_table(result: AuditResult) -> pd.DataFrame:
    """`severity, check, sentence, rows`, one row per finding."""
    return pd.DataFrame(
        [
            {
                "severity": str(finding.severity),
                "check": finding.check,
                "sentence": finding.sentence,
                "rows": len(finding.rows),
            }
            for finding in result.findings
        ],
        columns=["severity", "check", "sentence", "rows"],
    )
