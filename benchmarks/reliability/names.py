"""Names that want to be paths, formulas, markup or nothing, given to whatever takes a name."""

import csv
import io
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.reliability.campaign import Counted
from mammo_core.datasets.adapters import csv_folder
from mammo_core.datasets.adapters.layout import list_images
from mammo_core.datasets.audit.facts import gather_facts
from mammo_core.datasets.dataset import (
    Registered,
    find_folder,
    forget,
    get_adapter,
    list_registered,
    register,
)
from mammo_core.datasets.small_images import kept_thumbnail, thumbnail
from mammo_core.datasets.tags import change_tag, read_tags
from mammo_core.errors import MammoError
from mammo_core.files import datasets_root, without_folders
from mammo_core.inference.archive import import_checkpoint
from mammo_core.metrics.columns import guess_columns
from mammo_core.metrics.uploads import open_question
from mammo_core.preprocessing.cases import Case, load_case, with_names
from mammo_core.preprocessing.file_names import place_of_name
from mammo_core.preprocessing.grouping import Arrived, group_files
from mammo_core.preprocessing.reading.cells import read_csv
from mammo_core.preprocessing.worklists import load_worklist
from mammo_core.reports.case.html import to_html
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import Pseudonyms, ReadCase
from mammo_core.reports.case.tables import to_csv, to_json
from mammo_core.reports.document import (
    Bullets,
    Document,
    Paragraph,
    Section,
    Table,
    render_html,
    render_markdown,
)
from mammo_core.runs.folder import RunFolder, find_run
from mammo_core.runs.kept_tables import forget_table, keep_table, load_table
from mammo_core.runs.naming import About, read_about, write_about
from mammo_core.runs.reader_study import (
    Phase,
    ReaderAnswer,
    ReadingStudy,
    StudyCase,
    answers_of,
    create_study,
    find_study,
    imrmc_table,
    lock_answer,
)
from mammo_core.tables import check_manifest, to_safe_csv
from mammo_core.zoo.acquire import import_file
from mammo_core.zoo.weights import get_weights
from tests.predictions import made_up_predictions, write_run
from tests.reports.read_cases import read_case

SCRIPTS: Final = (
    "<script>document.title='hacked'</script>",
    "</script><script>document.title='hacked'</script>",
    "</style><script>document.title='hacked'</script>",
    "</title><script>document.title='hacked'</script>",
    "</textarea><script>document.title='hacked'</script>",
    "<img src=x onerror=\"document.title='hacked'\">",
    "<IMG SRC=x ONERROR=document.title='hacked'>",
    "<svg onload=\"document.title='hacked'\">",
    "<svg><script>document.title='hacked'</script></svg>",
    "<body onload=\"document.title='hacked'\">",
    "<iframe srcdoc=\"<script>parent.document.title='hacked'</script>\"></iframe>",
    "<iframe src=\"javascript:parent.document.title='hacked'\"></iframe>",
    "<details open ontoggle=\"document.title='hacked'\">",
    "<input autofocus onfocus=\"document.title='hacked'\">",
    "<video><source onerror=\"document.title='hacked'\"></video>",
    "<math><mtext></p><img src=x onerror=\"document.title='hacked'\"></math>",
    "<a href=\"javascript:document.title='hacked'\">click</a>",
    "[click](javascript:document.title='hacked')",
    "![x](x\" onerror=\"document.title='hacked')",
    "\"><script>document.title='hacked'</script>",
    "'><script>document.title='hacked'</script>",
    '" onmouseover="document.title=\'hacked\'" x="',
    "' onmouseover='document.title=1' x='",
    "`onerror=document.title='hacked'`",
    "{{constructor.constructor('document.title=1')()}}",
    "${document.title='hacked'}",
    "#{document.title='hacked'}",
    "<%= document.title %>",
    "{% raw %}<script>document.title='hacked'</script>{% endraw %}",
    "&lt;script&gt;document.title='hacked'&lt;/script&gt;",
    "\\u003cscript\\u003edocument.title='hacked'\\u003c/script\\u003e",
    "<!--<script>document.title='hacked'//-->",
    "<![CDATA[<script>document.title='hacked'</script>]]>",
    "<base href='http://evil.example/'>",
    "<meta http-equiv='refresh' content='0;url=http://evil.example/'>",
    "<link rel=stylesheet href='http://evil.example/x.css'>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<form action='http://evil.example/'><button>Go</button></form>",
    ":material/home: :red[x] $\\href{javascript:alert(1)}{x}$",
    "<object data=\"javascript:document.title='hacked'\"></object>",
)

NAMES: Final = (
    "../../escaped", "..\\..\\escaped", "/etc/passwd", "C:\\Windows\\win.ini", "\\\\host\\share\\x",
    "....//....//escaped", "%2e%2e%2fescaped", "..%c0%afescaped", "~/escaped", "$HOME/escaped",
    "a/../../escaped", "./.", "..", ".", "", " ", "/", "\\", "file:///etc/passwd",
    "http://evil.example/x", "a\0b", "a\nb", "a\rb", "\ta", "CON", "NUL.txt", "aux", "COM1",
    "name.", "name ", "-rf", "--help", "=1+1", "=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1",
    "\r=1", "\n=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", '"', "'", "`id`", "$(id)",
    "; rm -rf x", "| cat", "x" * 300, "\u202egnp.exe", "\u200b", "e\u0301", "\u00e9", "\U0001f4a9",
    "\udcff", "\ufeffbom", SCRIPTS[1], "x.json/../../../escaped",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """`take` does with a name what the program does, and returns what it says or writes."""

    name: str
    take: Callable[[str, Path], str]
    kind: str = "words"  # or "csv", "html", "markdown"
    is_typed: bool = False  # or from UTF-8 text: half letters never come that way


def _registered(name: str, root: Path) -> str:
    entry = Registered(name=name, folder="/nowhere", adapter="csv_folder", label_rule="as-written")
    register(datasets_root(), entry)
    if not any(one.name == name for one in list_registered(datasets_root())):
        return "LOST"
    find_folder(name)
    forget(datasets_root(), name)
    return ""


def _titled(name: str, root: Path) -> str:
    run = RunFolder(root / "20260101-000000-run-0000")
    run.path.mkdir(exist_ok=True)
    write_about(run, About(title=name[:80], notes=name, tags=(name,)))
    about = read_about(run)
    return "" if about.title == " ".join(name[:80].split()) else "LOST"


def _tagged(name: str, root: Path) -> str:
    change_tag(root, "0" * 32, name, [name], is_removed=False)
    return "" if read_tags(root, "0" * 32).get(name) == (name,) else "LOST"


def _studied(name: str, root: Path) -> str:
    case = StudyCase(case_id="c" * 64, name=name)
    study = ReadingStudy(
        title=name, cases=(case,), checkpoint=name, seed=1, created_at="2026-01-01T00:00:00Z"
    )
    create_study(root, study)
    answer = ReaderAnswer(
        reader=name, case_id="c" * 64, phase=Phase.UNAIDED, score=50, seconds=1.0,
        answered_at="2026-01-01T00:00:00Z", weights_sha256="0" * 64,
    )  # fmt: skip
    lock_answer(root, study, answer)
    return to_safe_csv(imrmc_table(study, answers_of(root, study)))


def _archived(name: str, root: Path) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_writable(name) or "x"), b"content")
    path = root / "checkpoint.zip"
    path.write_bytes(content.getvalue())
    import_checkpoint(path, root / "checkpoints")
    return ""


def _writable(name: str) -> str:
    """The library writes no archive with half of a letter in a name."""
    return name.encode("utf-8", "replace").decode()


def _called(name: str, root: Path) -> str:
    import_checkpoint(root / "none.zip", root / "checkpoints", name=name)
    return ""


def _weights(name: str, root: Path) -> str:
    import_file(root / "none.safetensors", backbone="light_cnn", name=name, origin="x", licence="x")
    return ""


def _of_a_set(name: str, root: Path) -> str:
    """A table whose paths and ids are such names, read, looked at, drawn small."""
    pd.DataFrame({"path": [name], "image_id": [name], "patient_id": [name], "label": ["1"]}).to_csv(
        root / "manifest.csv", index=False, errors="surrogatepass"
    )
    tables = csv_folder.read(root, csv_folder.AS_WRITTEN)
    paths = [str(path) for path in tables.manifest["path"]]
    facts = gather_facts(root, paths).table
    for path in paths:
        if thumbnail(root, path, side=16) or kept_thumbnail(root, path, side=16):
            return "READ A FILE THAT IS NOT THERE"
    return without_folders(" ".join(map(str, facts["error"])))


def _on_the_disk(name: str, root: Path) -> str:
    """A file of that name in a data set's folder, where the system allows it."""
    try:
        (root / f"{Path(name).name}.png").write_bytes(b"no picture")
    except (OSError, ValueError):
        return ""
    images = list_images(root)
    check_manifest(pd.DataFrame({"image_id": images, "path": images}))
    return without_folders(" ".join(map(str, gather_facts(root, images).table["error"])))


def _uploaded(name: str, root: Path) -> str:
    places = group_files([Arrived(content=b"no picture", name=name)])
    said = place_of_name(name)
    return f"{places} {said.side} {said.view}"


def _table_of_scores(name: str, root: Path) -> str:
    cells = pd.DataFrame({name: ["a", "b"], "score": [name, "0.5"], "label": [name, "1"]})
    data = to_safe_csv(cells).encode("utf-8", "surrogatepass")
    table = read_csv(load_table(root, keep_table(root, data)))
    open_question(table, guess_columns(table), [])
    return to_safe_csv(table)


def _case(name: str) -> ReadCase:
    case = read_case()
    images = tuple(
        replace(
            image,
            remark=name,
            windows=tuple(replace(window, name=name) for window in image.windows),
            about=replace(
                image.about,
                info=replace(image.about.info, notes=(name,), kind=name),
                name=name,
            ),
        )
        for image in case.images
    )
    card = replace(case.card, title=name, limits=(name,))
    return replace(case, images=images, card=card)


def page_of(name: str) -> str:
    return to_html(_case(name), Pseudonyms(key=b"k" * 32, case_id="c" * 64), Appearance())


def _document(name: str) -> Document:
    blocks = (
        Paragraph(text=name),
        Bullets(items=(name,)),
        Table(header=(name, "b"), rows=((name, name),), caption=name),
    )
    return Document(title=name, summary=(), sections=(Section(title=name, blocks=blocks),))


def report_of(name: str) -> str:
    return render_html(_document(name))


def _said(call: Callable[[], object]) -> str:
    call()
    return ""


SINKS: Final = (
    Sink(name="the id of a case", take=lambda n, root: _said(lambda: load_case(root, n))),
    Sink(name="the id of a list", take=lambda n, root: _said(lambda: load_worklist(root, n))),
    Sink(name="the id of a table", take=lambda n, root: _said(lambda: load_table(root, n))),
    Sink(name="a table to forget", take=lambda n, root: _said(lambda: forget_table(root, n))),
    Sink(name="the id of a run", take=lambda n, root: _said(lambda: find_run(n, root))),
    Sink(name="the id of a study", take=lambda n, root: _said(lambda: find_study(root, n))),
    Sink(name="an adapter", take=lambda n, root: _said(lambda: get_adapter(n))),
    Sink(name="weights of the catalog", take=lambda n, root: _said(lambda: get_weights(n))),
    Sink(name="weights to import", take=_weights),
    Sink(name="a checkpoint to import", take=_called),
    Sink(name="a file in an archive", take=_archived),
    Sink(name="a data set", is_typed=True, take=_registered),
    Sink(name="title, notes and tags of a run", take=_titled),
    Sink(name="a tag and an image", is_typed=True, take=_tagged),
    Sink(name="a reader study and its reader", take=_studied, kind="csv", is_typed=True),
    Sink(name="paths and ids of a data set's table", take=_of_a_set, is_typed=True),
    Sink(name="a file of a data set", take=_on_the_disk),
    Sink(name="an upload", take=_uploaded),
    Sink(
        name="columns and cells of uploaded scores",
        take=_table_of_scores,
        kind="csv",
        is_typed=True,
    ),
    Sink(
        name="an image on the screen",
        take=lambda n, root: with_names(read_case_kept(), {"1": n}).case_id,
    ),
    Sink(
        name="scores of a case (CSV)",
        take=lambda n, root: to_csv(_case(n)),
        kind="csv",
        is_typed=True,
    ),
    Sink(
        name="a case (JSON)",
        take=lambda n, root: _said(
            lambda: to_json(_case(n), Pseudonyms(key=b"k" * 32, case_id="c" * 64))
        ),
    ),
    Sink(name="the page of a case", take=lambda n, root: page_of(n), kind="html"),
    Sink(name="a report", take=lambda n, root: report_of(n), kind="html"),
    Sink(
        name="a report in Markdown",
        take=lambda n, root: render_markdown(_document(n)),
        kind="markdown",
    ),
)


def read_case_kept() -> Case:
    return Case(
        case_id="c" * 64,
        images=tuple(image.about for image in read_case().images),
        refusals=(),
        kept_until=0.0,
    )


_MARKED_UP: Final = ("html", "markdown")
_PLAIN: Final = "harmless"  # a page called that has the elements that every page has
_BODILESS: Final = ("script", "style")  # what stands in them is run, not shown


class _Elements(HTMLParser):
    """What a browser makes of a page: its elements with the names of their attributes, and all that
    is no text for people.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(f"<{' '.join([tag, *(name for name, _ in attrs)])}>")
        self.found += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if name.startswith("on") or name in ("href", "src", "style", "srcdoc", "action", "data")
        ]
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"</{tag}>")
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in _BODILESS:
            self.found.append(data)

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}-->")

    def unknown_decl(self, data: str) -> None:
        self.found.append(f"<![{data}]>")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"<?{data}>")


def markup_in(page: str, plain: str) -> str:
    """The first of what a page has that the same page with a harmless name has not, or lacks."""
    pairs = zip_longest(_Elements(page).found, _Elements(plain).found, fillvalue="nothing")
    return next((f"{ours} instead of {theirs}" for ours, theirs in pairs if ours != theirs), "")


def links_in(text: str) -> int:
    """Links and pictures of a Markdown."""
    return len(re.findall(r"(?<!\\)\](?=[(\[])", text))


_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def what_is_wrong(sink: Sink, name: str, sandbox: Path) -> str:
    """ "" where the name was kept, shown or refused as a name and no more."""
    inside = sandbox / "inside"
    inside.mkdir()
    before = _outside(sandbox)
    try:
        said = sink.take(name, inside)
        plain = sink.take(_PLAIN if name else "", inside) if sink.kind in _MARKED_UP else ""
    except MammoError as error:
        said, kind = str(error), "words"
        if not said.rstrip().endswith((".", "?", "!")):
            return f"no sentence: {said}"
    except Exception as error:  # noqa: BLE001 - whatever it is, a page would show it as a failure
        return f"{type(error).__name__}: {error}"
    else:
        kind = sink.kind
    if _outside(sandbox) != before:
        return f"wrote outside of its folder: {sorted(set(_outside(sandbox)) - set(before))}"
    if kind in _MARKED_UP:
        return _markup(said, plain, kind)
    return _wrong_in(said, kind, sandbox)


def _markup(said: str, plain: str, kind: str) -> str:
    if kind == "markdown" and links_in(said) > links_in(plain):
        return "markup: a link"
    wrong = markup_in(said, plain)
    return f"markup: {wrong}" if wrong else ""


def _wrong_in(said: str, kind: str, sandbox: Path) -> str:
    if said == "LOST" or said.startswith("READ A FILE"):
        return said
    if kind == "csv":
        try:
            cells = [cell for row in csv.reader(io.StringIO(said, newline="")) for cell in row]
        except csv.Error as error:
            return f"a table that breaks: {error}"
        run = [cell for cell in cells if cell.startswith(_FORMULA) and not _is_number(cell)]
        return f"a cell that a spreadsheet runs: {run[0]!r}" if run else ""
    return "names a folder of the server" if str(sandbox) in without_folders(said) else ""


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip() == cell


def _outside(sandbox: Path) -> list[str]:
    inside = sandbox / "inside"
    return sorted(
        str(path)
        for path in [*sandbox.rglob("*"), *sandbox.parent.glob("*escaped*")]
        if not path.is_relative_to(inside)
    )


def sinks_and_names() -> Iterator[tuple[Sink, str]]:
    for name in NAMES:
        for sink in SINKS:
            if not (sink.is_typed and _is_half(name)):
                yield sink, name
    for script in sorted(set(SCRIPTS) - set(NAMES)):
        for sink in SINKS:
            if sink.kind in _MARKED_UP:
                yield sink, script


def _is_half(name: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in name)


def hostile_names(size: int, scratch: Path) -> Counted:
    write_run(scratch / "runs", "20260101-000000-made-up", made_up_predictions(women=2))
    everything = list(sinks_and_names())
    chosen = np.random.default_rng(0).permutation(len(everything))[:size]
    sandbox = scratch / "deep" / "er" / "sandbox"
    sandbox.mkdir(parents=True)
    failures = []
    tried: Counter[str] = Counter()
    for sink, name in (everything[place] for place in chosen):
        tried[sink.name] += 1
        if problem := what_is_wrong(sink, name, sandbox):
            failures.append(f"{sink.name}, {name[:60]!a}: {problem[:200]}")
        shutil.rmtree(sandbox / "inside", ignore_errors=True)
    return Counted(
        size=tried.total(),
        figures=(
            f"{len(NAMES)} names and {len(SCRIPTS)} scripts, {len(tried)} places that take "
            f"one, {tried.total():,} tries: {len(failures)} did more than to keep, "
            "show or refuse a name.",
        ),
        failures=tuple(failures),
    )
