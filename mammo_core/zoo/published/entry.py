"""What is known of a published model, as plain data: whose it is, what it scores, what it needs."""

from dataclasses import dataclass
from typing import Literal

from mammo_core.partners import Slot
from mammo_core.prepare_settings import PrepareSettings
from mammo_core.types import CANCER, ImageRef, Laterality, Task, View

BREAST: tuple[Slot, ...] = ((None, View.CC), (None, View.MLO))
EXAM: tuple[Slot, ...] = (
    (Laterality.LEFT, View.CC),
    (Laterality.RIGHT, View.CC),
    (Laterality.LEFT, View.MLO),
    (Laterality.RIGHT, View.MLO),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFigure:
    """A published result, as its source gives it."""

    says: str
    on: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """A score that the authors document for an image they offer. `exam` is what the names of an
    exam's files begin with; without a side or view it is of every such image.
    """

    image: str
    score: float
    exam: str
    side: Laterality | None = None
    view: View | None = None
    of: Literal["cancer", "benign"] = "cancer"  # benign is told by some, and not read here

    def is_of(self, ref: ImageRef) -> bool:
        return (
            self.exam == ref.exam_id
            and self.side in (None, ref.side)
            and self.view in (None, ref.view)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """One model. Its weights are not ours to give: whoever wants them fetches them from `where`."""

    name: str
    title: str
    authors: str
    citation: str
    code_licence: str
    weights_licence: str
    where: str
    files: tuple[str, ...]  # what to fetch, by name; several are read as one model
    megabytes: int
    scores: Literal["image", "breast", "exam"]
    needs: str  # which views, in words
    learnt_from: str
    imaging: Literal["digital", "film"]
    figures: tuple[PublishedFigure, ...]
    problems: tuple[str, ...]
    stand_ins: tuple[str, ...]  # what of the authors' preparing is ours here, as sentences
    prepare: PrepareSettings
    network: str  # module:function that builds it
    keep: tuple[str, ...] = ()  # where in the file the weights are, the first that is there
    task: Task = CANCER
    slots: tuple[Slot, ...] = ()  # images looked at together; none: one by one
    own_map: str = ""  # what the network's own map shows
    oracles: tuple[Oracle, ...] = ()
    oracle_note: str = ""
    oracle_within: float = 0.005  # a score further from the documented one is another

    @property
    def named_files(self) -> tuple[str, ...]:
        """Those that are known by a name, not in words."""
        return tuple(name for name in self.files if " " not in name)

    @property
    def backbone(self) -> str:
        return f"{PREFIX}{self.name}"


#: `published:<name>` is the network of that published model.
PREFIX = "published:"
