"""Whether the tests notice each fault of `listed.py`, put into a copy of the house one at a time.

python -m tests.mutations            all of them, two at a time
python -m tests.mutations metrics    those in files whose name holds one of the words
"""

import compileall
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import SimpleQueue
from typing import Final

from tests.mutations.listed import MUTATIONS, Mutation

ROOT: Final = Path(__file__).resolve().parents[2]
COPIED: Final = (
    "mammo_core", "pages", "tests", "launcher", "sample_images", "checkpoints/phantom-light",
    "pyproject.toml", "served.py", "streamlit_app.py", "start.py",
)  # fmt: skip
AT_ONCE: Final = 2
SECONDS: Final = 600  # a loop that no longer ends is noticed, too
PYTEST: Final = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
TESTS_FAILED: Final = 1  # pytest's exit status; 2 and above: they could not be run


class Verdict(StrEnum):
    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    NOT_APPLIED = "NOT APPLIED"
    NOT_TESTED = "NOT TESTED"


def main(words: Sequence[str]) -> int:
    chosen = [one for one in MUTATIONS if not words or any(word in one.file for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            trees.put(copy_house(Path(folder) / f"house-{number}"))
        if not passes_unchanged(trees, chosen):
            return 1

        def judge(mutation: Mutation) -> Verdict:
            tree = trees.get()
            try:
                verdict, told = try_out(mutation, tree)
            finally:
                trees.put(tree)
            print(f"{verdict:<12}{mutation}{told}", flush=True)
            return verdict

        with ThreadPoolExecutor(AT_ONCE) as pool:
            verdicts = list(pool.map(judge, chosen))
    print(f"Mutations: {verdicts.count(Verdict.CAUGHT)} of {len(chosen)} caught")
    return int(any(verdict is not Verdict.CAUGHT for verdict in verdicts))


def copy_house(tree: Path) -> Path:
    """What the tests need, to be changed at will.

    Compiled code is held valid by its source's hash: within a second, a fault of the same length
    would otherwise run as what was compiled before.
    """
    for name in COPIED:
        source, target = ROOT / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    compileall.compile_dir(
        tree / "mammo_core", quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
    )
    return tree


def passes_unchanged(trees: "SimpleQueue[Path]", mutations: Sequence[Mutation]) -> bool:
    """Where a test fails anyway, that it fails with a fault tells nothing."""
    files = sorted({name for one in mutations for name in one.tests.split()})
    tree = trees.get()
    ended = _run_tests(tree, files, "-n", str(AT_ONCE), "--dist", "loadfile")
    trees.put(tree)
    if ended.returncode:
        print(f"{ended.stdout}\nThese tests fail without any fault: mend them first.", flush=True)
    return ended.returncode == 0


def try_out(mutation: Mutation, tree: Path) -> tuple[Verdict, str]:
    """The verdict, and what there is to add to it."""
    file = tree / "mammo_core" / mutation.file
    sound = file.read_text(encoding="utf-8") if file.is_file() else ""
    if problem := mutation.problem(sound):
        return Verdict.NOT_APPLIED, f"\n    {problem}: has the code moved? See listed.py."
    file.write_text(mutation.applied(sound), encoding="utf-8")
    try:
        ended = _run_tests(tree, mutation.tests.split(), "-x")
    except subprocess.TimeoutExpired:
        return Verdict.CAUGHT, f" (not ended after {SECONDS} s)"
    finally:
        file.write_text(sound, encoding="utf-8")
    if ended.returncode == TESTS_FAILED:
        return Verdict.CAUGHT, ""
    if ended.returncode == 0:
        return Verdict.SURVIVED, f"\n    {mutation.tests} passed all the same"
    return Verdict.NOT_TESTED, f"\n{ended.stdout}"


def _run_tests(
    tree: Path, files: Sequence[str], *options: str
) -> "subprocess.CompletedProcess[str]":
    command = [*PYTEST, *options, *(f"tests/{name}" for name in files)]
    return subprocess.run(
        command,
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
