"""Every campaign; to add one, add an entry."""

from typing import Final

from benchmarks.reliability.campaign import Campaign
from benchmarks.reliability.damage import cuts_and_holes, mutants, small_holes, whole_ones
from benchmarks.reliability.disks import full_disks
from benchmarks.reliability.edges import edge_files, edges
from benchmarks.reliability.identity import markers
from benchmarks.reliability.kills import cache_and_prediction, training
from benchmarks.reliability.memory import JUDGED_UPLOADS, soak, uploads
from benchmarks.reliability.names import hostile_names, sinks_and_names
from benchmarks.reliability.people import servers_killed, thresholds, two_servers
from benchmarks.reliability.scripts import scripts

CAMPAIGNS: Final = (
    Campaign(
        name="mutants",
        title="Files spoiled at random",
        counts=(
            "Sound files of every transfer syntax that is read and of every kind of picture, each "
            "with one to eight accidents: a bit turned, a length blown up, a piece lost, doubled "
            "or blank. Each is given to the reading process, which is asked once more where it "
            "dies; that counts as a death even where the second try succeeds."
        ),
        line=(
            "no file kills its reader, none hangs, 99 of 100 are answered within 1 s, and the "
            "program that asks grows by 50 MB at most."
        ),
        unit="mutants",
        size=28_000,
        small=1_400,
        run=mutants,
    ),
    Campaign(
        name="cuts",
        title="Cuts, holes and missing fragments",
        counts=(
            "A compressed frame of each transfer syntax, and a picture of each kind, cut at every "
            "percent (as it breaks off, and with an end marker or a length that makes it look "
            "whole), with 400 to 1,600 bytes gone at 25 places, and without one of two to eight "
            "fragments; files that are not compressed, cut at every percent; TIFF, PNG, WebP and "
            "BMP cut or holed with the lengths in their headers rewritten to match."
        ),
        line="none is taken for a picture that it is not.",
        unit="damaged files",
        size=7_286,
        small=500,
        run=cuts_and_holes,
    ),
    Campaign(
        name="small-holes",
        title="Holes of a few bytes",
        counts=(
            "The same frames and JPEG pictures, without 1 to 400 bytes at places all over their "
            "data. None of these formats has a checksum. A hole shows by the blocks that are then "
            "too few or too many; where a decoder finds its way again and by chance makes as many "
            "blocks of what is left as were lost, nothing is there to tell by."
        ),
        line=(
            "none of 400 bytes or more is taken for a picture that it is not. What is accepted "
            "below is counted, not judged."
        ),
        unit="holed files",
        size=8_000,
        small=500,
        run=small_holes,
    ),
    Campaign(
        name="whole",
        title="Whole pictures",
        counts=(
            "The other side of it: frames of every compressed transfer syntax, of any small size, "
            "coarse or fine, with background at their end or without, and nothing missing."
        ),
        line="none is refused.",
        unit="whole pictures",
        size=3_000,
        small=200,
        run=whole_ones,
    ),
    Campaign(
        name="training",
        title="Trainings killed and resumed",
        counts=(
            "A training of three epochs on women who do not exist, its process ended by SIGKILL at "
            "a moment drawn between start and end, up to three times, and resumed to its end."
        ),
        line=(
            "after no kill is anything in the folder unreadable, and each run ends with weights, "
            "metrics and predictions equal to the last bit to those of a run that nobody killed."
        ),
        unit="kills",
        size=300,
        small=3,
        run=training,
    ),
    Campaign(
        name="builders",
        title="A builder of the cache and a prediction, killed",
        counts="Each ended by SIGKILL at a moment drawn between start and end, and started again.",
        line="nothing is lost, doubled or half, and all ends as without a kill.",
        unit="kills",
        size=50,
        small=2,
        run=cache_and_prediction,
    ),
    Campaign(
        name="disks",
        title="Full disks",
        counts=(
            "Small disks of their own, each of another size, on which a case or a table is kept, a "
            "model trained, the cache built, a table of scores predicted, a checkpoint taken in or "
            "handed out, or lines are added to the access log or to a reader study's answers, "
            "until there is no room left. What lies there is looked at before anything is swept; "
            "of lines, once more after one is added when there is room again."
        ),
        line=(
            "it is said in words that there is no room, nothing half is left behind, and what was "
            "written before can be read."
        ),
        unit="disks",
        size=90,
        small=9,
        run=full_disks,
    ),
    Campaign(
        name="edges",
        title="Files at the edge, and bombs",
        counts=(
            "Headers that lie, nest or never end, sizes and lengths beyond all bounds, archives "
            "and pictures that unpack to gigabytes, encodings of other kinds, and odd but sound "
            "files."
        ),
        line=(
            "each is read or refused as the list says, the refusals in the words it names, within "
            "3 s of a core and 600 MB."
        ),
        unit="files",
        size=len(list(edges())),
        small=len(list(edges())),
        run=edge_files,
    ),
    Campaign(
        name="markers",
        title="Marks of identity",
        counts=(
            "Marks in every attribute of the DICOM standard that holds words, numbers, dates or "
            "ids and is not needed for the image, in nested sequences, private elements and "
            "overlays, in names of files and folders, and in the texts that PNG, JPEG, TIFF and "
            "PGM carry; letters beside the breast, burned in and drawn by an overlay. The "
            "files are read and kept as cases under their names, exported as they are kept (each "
            "without identity and, where all its files are DICOM, with it, which must name the "
            "woman), read again spoiled, and forgotten."
        ),
        line=(
            "no mark and no letter is found in what is kept, also after an export with identity, "
            "in what is exported without it, in what is said of a file, or after forgetting."
        ),
        unit="marks",
        size=5_000,
        small=250,
        run=markers,
    ),
    Campaign(
        name="names",
        title="Hostile names",
        counts=(
            "Sixty names that want to be paths, formulas, markup, commands or nothing at all, "
            "given to each place of the program that takes a name: ids in addresses, titles, tags, "
            "data sets and their tables, archives, uploads, exports and reports. Forty scripts in "
            "each text of the page of a case and of a report, whose elements are then held against "
            "those of the same page with a harmless name."
        ),
        line=(
            "each is kept, shown or refused as a name: nothing is written outside its folder, no "
            "cell of a table is run by a spreadsheet, no text becomes markup, every refusal is a "
            "sentence that names no folder."
        ),
        unit="tries",
        size=len(list(sinks_and_names())),
        small=len(list(sinks_and_names())),
        run=hostile_names,
    ),
    Campaign(
        name="scripts",
        title="Scripts in every text",
        counts=(
            "Forty scripts as title, notes, tags, card, scores, data set, uploaded table, reader "
            "study, name of an uploaded file and text of a DICOM, in addresses, where one signs "
            "in, and in the exported page of a case and a report, looked at in a real browser that "
            "notices what runs."
        ),
        line=(
            "none runs, no page asks another host for anything, and each place that shows such "
            "text shows it as text."
        ),
        unit="scripts",
        size=40,
        small=1,
        run=scripts,
    ),
    Campaign(
        name="servers-killed",
        title="A server killed under its visitors",
        counts=(
            "A server ended by SIGKILL while four sessions upload, move thresholds and go from "
            "page to page, no two uploads of the same file; the next one is started on the same "
            "home, and the one after the last is asked for each case whose address a session was "
            "given."
        ),
        line="no case that somebody has the address of is lost, and each is whole and opened.",
        unit="kills",
        size=20,
        small=1,
        run=servers_killed,
    ),
    Campaign(
        name="two-servers",
        title="Two servers on one home",
        counts=(
            "Sixteen sessions on two servers, all of them busy with the same four files, whose "
            "scores nobody knows yet."
        ),
        line=(
            "no page shows an error, no log a traceback, what is dropped is scored, no case that "
            "somebody has the address of is lost, and each case that is kept is whole."
        ),
        unit="seconds",
        size=600,
        small=5,
        run=two_servers,
    ),
    Campaign(
        name="thresholds",
        title="Twenty people move thresholds",
        counts=(
            "Twenty sessions on one server, each moving the threshold of a model with 2,000 scored "
            "images again and again."
        ),
        line="the page is there within 1 s, 19 times of 20, on two quiet cores; no error.",
        unit="moves",
        size=600,
        small=0,
        run=thresholds,
    ),
    Campaign(
        name="uploads",
        title="Large uploads",
        counts="Mammograms of 28 MB, no two alike, each uploaded in a tab of its own.",
        line=(
            "the server never holds more than 1.5 GB, and is within 200 MB of where it was before "
            "the first, its pages drawn once, when all tabs are closed. Fewer are not judged."
        ),
        unit="uploads",
        size=JUDGED_UPLOADS,
        small=0,
        run=uploads,
    ),
    Campaign(
        name="soak",
        title="A long day",
        counts=(
            "Four sessions that upload, move thresholds and go from page to page. For a day: "
            "`python -m benchmarks.reliability soak --size 86400`."
        ),
        line="no error, no lost case, and no growth by more than 200 MB after the first third.",
        unit="seconds",
        size=1_800,
        small=0,
        run=soak,
    ),
)
