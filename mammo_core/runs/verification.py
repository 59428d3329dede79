"""What "without cancer" rests on in a data set: said when it is registered, and read here without
what reads data sets, for it stands beside every rate.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mammo_core.errors import ConfigError
from mammo_core.records import from_document


class Verified(StrEnum):
    """How it was made sure that a woman had no cancer."""

    UNKNOWN = "not known"
    BIOPSY = "biopsy"
    FOLLOW_UP = "follow-up"
    BIOPSY_OR_FOLLOW_UP = "biopsy, else follow-up"
    OPINION = "a reader's opinion, without follow-up"

    @property
    def is_followed(self) -> bool:
        return self in (Verified.FOLLOW_UP, Verified.BIOPSY_OR_FOLLOW_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`months` of follow-up, 0 where not known; `of_recalled` where only women who were recalled
    had their truth made sure of.
    """

    without_cancer: Verified = Verified.UNKNOWN
    months: int = 0
    of_recalled: bool = False

    def check(self) -> None:
        if not 0 <= self.months <= 240:
            raise ConfigError(f"A follow-up of {self.months} months; give 0 (not known) to 240.")
        if self.months and not self.without_cancer.is_followed:
            raise ConfigError(
                f"{self.months} months of follow-up, but “without cancer” rests on "
                f"{self.without_cancer}. Choose follow-up, or leave the months at 0."
            )

    @property
    def sentence(self) -> str:
        if self.without_cancer is Verified.UNKNOWN:
            words = "What “without cancer” rests on in this set is not known"
        else:
            words = f"“Without cancer” rests on {self.without_cancer}"
        if self.without_cancer.is_followed:
            words += f" of {self.months} months" if self.months else ", for how long is not known"
        return f"{words}."

    def beside(self, standard: str) -> str:
        """The sentence where the set's reference standard is told too: that it is not known would
        deny what `standard` says.
        """
        return "" if standard and self.without_cancer is Verified.UNKNOWN else self.sentence

    @property
    def warning(self) -> str:
        """ "" where all women were verified alike, as far as is known."""
        if not self.of_recalled:
            return ""
        return (
            "Only recalled women were verified in this set: every sensitivity is that of the "
            "verified, and too high by the cancers of women who were not recalled."
        )


def verification_of(folder: str, root: Path) -> Verification:
    """Of the data set registered below `root` by the name or the place `folder`; of all others
    nothing is known.
    """
    names = {folder, str(Path(folder).resolve())}
    for path in sorted(root.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # whoever lists the data sets says what is wrong with it
        if isinstance(document, dict) and names & {document.get("name"), document.get("folder")}:
            told = document.get("verification", {})
            return from_document(told, Verification, where=f"{path.name}, verification")
    return Verification()
