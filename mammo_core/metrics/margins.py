"""No worse than, or as good as: a difference against a margin that was written down before the test
set was opened. A margin chosen once the difference is seen proves nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from mammo_core.errors import ConfigError
from mammo_core.metrics.uncertainty import range_in_words


class Claim(StrEnum):
    """What shall be shown of a new model beside an old one."""

    NON_INFERIOR = "no worse"
    EQUIVALENT = "equivalent"


class MarginOf(StrEnum):
    """The figure in which two models are compared."""

    AUC = "AUC"
    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"
    RECALL_RATE = "recall rate"

    @property
    def is_better_low(self) -> bool:
        return self is MarginOf.RECALL_RATE


class Held(StrEnum):
    """What a difference says of a margin."""

    MET = "met"
    NOT_MET = "not met"
    OPEN = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How much worse still counts as no worse, in the figure's own units; above 0, below 1."""

    claim: Claim
    figure: MarginOf
    margin: float
    against: str  # what the difference is from: a model, or a reader

    def check(self) -> None:
        if not 0.0 < self.margin < 1.0:
            raise ConfigError(
                f"The margin of {self.figure} is {self.margin:g}; it must lie between 0 and 1, as "
                "in 0.05 for five points."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstMargin:
    """A margin and the 95 % interval of new less old it is held against."""

    margin: Margin
    value: float
    low: float
    high: float
    is_beforehand: bool  # whether the margin was written down before the test set was opened

    @property
    def held(self) -> Held:
        """By the 95 % interval, against the ends of the margin: for `no worse` that is a one-sided
        test at .025. Not met is only what lies wholly beyond the margin.
        """
        size = self.margin.margin
        is_better_low = self.margin.figure.is_better_low
        worst, best = (-self.high, -self.low) if is_better_low else (self.low, self.high)
        is_alike = self.margin.claim is Claim.EQUIVALENT
        if worst > -size and (best < size or not is_alike):
            return Held.MET
        return Held.NOT_MET if best < -size or (is_alike and worst > size) else Held.OPEN

    @property
    def sentence(self) -> str:
        one = self.margin
        word = "than" if one.claim is Claim.NON_INFERIOR else "to"
        held = self.held
        sentence = (
            f"{held[0].upper()}{held[1:]}: {one.claim} in {one.figure} {word} {one.against} by a "
            f"margin of {one.margin:g} (difference {self.value:+.3f}, "
            f"{range_in_words(self.low, self.high, '+.3f')})."
        )
        if not self.is_beforehand:
            sentence += " The margin was not written down before the test set was opened."
        return sentence


def judge_margin(
    margin: Margin, *, value: float, low: float, high: float, is_beforehand: bool
) -> AgainstMargin:
    """`value` is the new figure less the old one, `low` and `high` its 95 % interval."""
    margin.check()
    return AgainstMargin(
        margin=margin, value=value, low=low, high=high, is_beforehand=is_beforehand
    )
