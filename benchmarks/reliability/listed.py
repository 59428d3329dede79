"""Every campaign; to add one, add an entry."""

from typing import Final

from benchmarks.reliability.campaign import Campaign
from benchmarks.reliability.damage import cuts_and_holes, mutants, small_holes

CAMPAIGNS: Final = (
    Campaign(
        name="mutants",
        title="Files spoiled at random",
        counts=(
            "Sound files of every transfer syntax that is read and of every kind of picture, each "
            "with one to eight accidents: a bit turned, a length blown up, a piece lost, doubled or "
            "blank. Each is given to the reading process."
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
            "whole), with 100 to 800 bytes gone at 25 places, and without one of two to eight "
            "fragments; files that are not compressed, cut at every percent."
        ),
        line="none is taken for a picture that it is not.",
        unit="damaged files",
        size=10_000,
        small=500,
        run=cuts_and_holes,
    ),
    Campaign(
        name="small-holes",
        title="Holes of a few bytes",
        counts=(
            "The same frames and JPEG pictures, without 1 to 200 bytes at places all over their "
            "data. None of these formats has a checksum: a decoder that finds its way again after "
            "few lost bytes, and by chance ends where it should, leaves nothing to tell by."
        ),
        line=(
            "none of 100 bytes or more is taken for a picture that it is not. What is accepted "
            "below is counted, not judged."
        ),
        unit="holed files",
        size=20_000,
        small=500,
        run=small_holes,
    ),
)
