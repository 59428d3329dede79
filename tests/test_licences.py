"""Whatever the app installs may be used beside Apache-2.0; docs/licences.md lists it."""

import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

from tests.e2e.server import ROOT

TABLE = ROOT / "docs/licences.md"
KNOWN = re.compile(
    r"apache|bsd|\bmit\b|mit-cmu|hpnd|isc|psf|python-2\.0|python software foundation|mpl|mozilla|"
    r"zlib|unlicense|cc0|0bsd|lgpl|lesser general public|nvidia",
    re.IGNORECASE,
)
STRONG = re.compile(r"(?<!l)gpl|(?<!lesser )general public license|sspl|proprietary", re.IGNORECASE)
CUDA = ("nvidia-", "cuda-")  # libraries that torch brings on Linux: installed, never passed on


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for() -> list[str]:
    """The names in requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [normal(Requirement(line).name) for line in lines if line and line[0] not in "#-"]


def installed_for(names: list[str]) -> dict[str, str]:
    """Those packages and all they need here, with their licences as they state them."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # of another system or of an extra that nobody asked for
        found[name] = licence_of(name)
        for line in package.requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(normal(needed.name))
    return found


def licence_of(name: str) -> str:
    about = distribution(name).metadata
    classes = [
        line.removeprefix("License :: ").removeprefix("OSI Approved :: ")
        for line in about.get_all("Classifier") or []
        if line.startswith("License :: ")
    ]
    stated = (about.get("License") or "").strip().split("\n")[0]
    return about.get("License-Expression") or " / ".join(classes) or stated or "not stated"


def listed() -> dict[str, str]:
    rows = re.findall(r"^\| ([a-z0-9-]+) \| (.+?) \|$", TABLE.read_text(encoding="utf-8"), re.M)
    return {name: licence for name, licence in rows if name != "package"}


def test_every_package_states_a_licence_that_goes_with_ours() -> None:
    read_by_hand = listed()
    odd = {
        name: licence
        for name, stated in installed_for(asked_for()).items()
        for licence in [read_by_hand.get(name, stated) if stated == "not stated" else stated]
        if not name.startswith(CUDA) and (not KNOWN.search(licence) or STRONG.search(licence))
    }
    assert odd == {}


def test_what_the_app_asks_for_is_listed_with_its_licence() -> None:
    assert set(asked_for()) <= set(listed())


def test_a_licence_that_binds_the_whole_app_would_be_found() -> None:
    for licence in (
        "GPL-3.0-only",
        "GNU General Public License v3 (GPLv3)",
        "AGPL-3.0",
        "SSPL-1.0",
    ):
        assert STRONG.search(licence)
    for licence in ("LGPL-2.1", "GNU Lesser General Public License", "MIT", "MPL-2.0 AND MIT"):
        assert not STRONG.search(licence)
