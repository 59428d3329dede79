"""What a reader calls a run, and what was noted about it: kept in a file of its own beside the run,
never in run.json, for two runs of one experiment may well be called differently.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import shorten
from typing import Any, Final

from mammo_core.errors import ConfigError, MammoError, RunError
from mammo_core.files import replace_file, shipped_checkpoints_root
from mammo_core.records import damage_in_words, from_document, to_document
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.words import short_day

ABOUT_NAME: Final = "about.json"
LONGEST_TITLE: Final = 80
LONGEST_SHORT: Final = 34
_JOINTS: Final = re.compile(r"(?=, | on | \()")
_DATED: Final = re.compile(r"(\d{8}-\d{6})-")
_LAST_NAME: Final = re.compile(r"[^/\\]+(?=[/\\]*$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """An empty `title` leaves the run its default. What is archived is hidden, never deleted."""

    title: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    is_archived: bool = False


def read_about(run: RunFolder) -> About:
    """What was noted about `run`; nothing where nothing was."""
    try:
        document = json.loads(run.file(ABOUT_NAME).read_text(encoding="utf-8"))
        return from_document(document, About, where=ABOUT_NAME)
    except FileNotFoundError:
        return About()
    except (ValueError, RecursionError, ConfigError) as error:
        raise RunError(
            f"The name and notes of {run.run_id} cannot be read: {damage_in_words(error)}. Delete "
            f"{ABOUT_NAME} in its folder; the run itself is whole."
        ) from None


def write_about(run: RunFolder, about: About) -> None:
    """Let `about` be all that is noted; refused where the title would not fit its places."""
    title = " ".join(about.title.split())
    if len(title) > LONGEST_TITLE:
        raise RunError(
            f"The name has {len(title)} letters; at most {LONGEST_TITLE} fit. Put the rest in the "
            "notes."
        )
    tags = tuple(dict.fromkeys(tag for tag in map(str.strip, about.tags) if tag))
    kept = About(title=title, notes=about.notes.strip(), tags=tags, is_archived=about.is_archived)
    replace_file(run.file(ABOUT_NAME), json.dumps(to_document(kept), indent=2) + "\n")


def is_archived(run: RunFolder) -> bool:
    """A file that cannot be read hides nothing."""
    try:
        return read_about(run).is_archived
    except RunError:
        return False


def run_title(run: RunFolder) -> str:
    """What `run` is called: as somebody named it, else by its network, its data and its day; a
    checkpoint that came as one by its card. Its id where nothing of that can be read.
    """
    try:
        return read_about(run).title or _default_title(run) or run.run_id
    except MammoError:
        return run.run_id


def why_no_predictions(run: RunFolder) -> str:
    """Of a run without a predictions table: whether one is still to come, and what else to do."""
    title = run_title(run)
    if run.is_checkpoint:
        return (
            f"{title} came without predictions. Score a data set with it: “Other data” on Compare, "
            "or mammo evaluate."
        )
    if run.read_status().state.is_over:
        return f"{title} ended before it scored anything. Resume it on Train, or choose another."
    return f"{title} has no predictions yet. Wait until it has finished."


def titles_of(runs: Iterable[RunFolder]) -> dict[str, str]:
    """By run id what each is called, no two alike: equal ones are told apart by what they tell, as
    density from cancer, or by where a checkpoint came from, else by number, the oldest keeping its
    name.
    """
    own = {run.run_id: run for run in runs}
    titles = {run_id: run_title(run) for run_id, run in own.items()}
    for repeated in _repeated(titles):
        tasks = {run_id: _task_of(own[run_id]) for run_id in repeated}
        if all(tasks.values()) and len(set(tasks.values())) > 1:
            titles |= {run_id: f"{titles[run_id]} ({tasks[run_id]})" for run_id in repeated}
    for repeated in _repeated(titles):
        origins = {run_id: _came_as(own[run_id]) for run_id in repeated}
        titles |= {run_id: f"{titles[run_id]} ({came})" for run_id, came in origins.items() if came}
    taken: Counter[str] = Counter()
    for run_id in reversed(list(titles)):  # runs are listed newest first
        title = titles[run_id]
        taken[title] += 1
        if taken[title] > 1:
            titles[run_id] = f"{title} ({taken[title]})"
    return {run_id: titles[run_id] for run_id in own}


def short_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """By run id a name for narrow places, no two alike: the network, or what else a title begins
    with, and of the rest only what tells it apart from the others that begin so.
    """
    parts = {run_id: _parts(title) for run_id, title in titles.items()}
    holders: dict[tuple[str, str], set[str]] = {}
    for run_id, (first, *rest) in parts.items():
        holders.setdefault((first, ""), set()).add(run_id)
        for part in rest:
            holders.setdefault((first, part), set()).add(run_id)
    short = {run_id: _cut(_telling(run_id, own, holders)) for run_id, own in parts.items()}
    taken = Counter(short.values())
    return {run_id: one if taken[one] == 1 else titles[run_id] for run_id, one in short.items()}


def _parts(title: str) -> list[str]:
    """As a default title is put together: network, (how), on data, day, (number)."""
    return [part for part in _JOINTS.split(title) if part] or [title]


def _telling(run_id: str, parts: Sequence[str], holders: Mapping[tuple[str, str], set[str]]) -> str:
    """The first of `parts` and, as they come, the rarest that leave no other of the same first."""
    first, *rest = parts
    alike = holders[first, ""] - {run_id}
    chosen: set[str] = set()
    for part in sorted(rest, key=lambda part: len(holders[first, part])):
        left = alike & holders[first, part]
        if len(left) < len(alike):
            alike = left
            chosen.add(part)
    return first + "".join(part for part in rest if part in chosen)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_SHORT else shorten(name, LONGEST_SHORT, placeholder="…")


def last_name(folder: str) -> str:
    """The last part of a folder; a registered name as it is."""
    found = _LAST_NAME.search(folder)
    return found[0].rstrip("/\\") if found else folder


def _repeated(titles: dict[str, str]) -> list[list[str]]:
    """The runs of each title that several have."""
    of_title: dict[str, list[str]] = {}
    for run_id, title in titles.items():
        of_title.setdefault(title, []).append(run_id)
    return [run_ids for run_ids in of_title.values() if len(run_ids) > 1]


def _came_as(run: RunFolder) -> str:
    """What a checkpoint that was packed or imported came as; "" of a run made here."""
    if _DATED.match(run.run_id) or not run.is_checkpoint:
        return ""
    return "ships with Mammoscope" if ships(run) else run.run_id


def ships(run: RunFolder) -> bool:
    """Whether it came with the program; a run that was made here is named by its date."""
    is_among = run.path.parent.resolve() == shipped_checkpoints_root().resolve()
    return is_among and not _DATED.match(run.run_id)


def _task_of(run: RunFolder) -> str:
    try:
        return run.card().task.name
    except MammoError:
        return ""


def _default_title(run: RunFolder) -> str:
    document, dated = run.document(), _DATED.match(run.run_id)
    if dated is None:  # it was given a name as it was packed or imported
        return run.card().title if run.is_checkpoint else ""
    day = short_day(datetime.strptime(dated[1], "%Y%m%d-%H%M%S"))
    if isinstance(document.get("checkpoint"), str):  # work on one that is there already
        kind, of = str(document.get("kind", "")), _title_of_checkpoint(document["checkpoint"])
        is_scoring = kind == "evaluate"
        return (
            f"{of} on {last_name(_of(document, 'folder'))}, {day}"
            if is_scoring
            else f"{kind.replace('_', ' ').capitalize()} of {of}, {day}"
        )
    network, data = _network_of(run, document), _of(document, "data", "folder")
    if network and data:
        return f"{network} on {last_name(data)}, {day}"
    return run.card().title if run.is_checkpoint else ""


def _title_of_checkpoint(name: str) -> str:
    try:
        return run_title(find_checkpoint(name))
    except MammoError:
        return name


def _network_of(run: RunFolder, document: dict[str, Any]) -> str:
    """As the card calls it, else as the settings do."""
    if run.is_ensemble:
        return "Ensemble"
    title = run.card().title.partition(",")[0] if run.is_checkpoint else ""
    return title or _of(document, "model", "backbone")


def _of(document: Any, *names: str) -> str:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""
