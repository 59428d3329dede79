"""The list of faults is true of the code as it is; whether the tests notice them is asked by
`python -m tests.mutations`, which takes minutes.
"""

import ast
from pathlib import Path

import pytest

from tests.mutations.listed import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]


def test_forty_faults_are_listed_each_once() -> None:
    assert len(set(MUTATIONS)) == len(MUTATIONS) == 40


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_fault_can_be_put_where_the_list_says(mutation: Mutation) -> None:
    source = (ROOT / "mammo_core" / mutation.file).read_text(encoding="utf-8")
    assert mutation.problem(source) is None
    assert ast.dump(ast.parse(mutation.applied(source))) != ast.dump(ast.parse(source))
    missing = [name for name in mutation.tests.split() if not (ROOT / "tests" / name).is_file()]
    assert missing == []


def test_a_fragment_that_is_gone_or_there_twice_is_told() -> None:
    mutation = Mutation("a.py", "test_a.py", "x + 1", "x - 1")
    assert mutation.problem("y = x + 1") is None
    assert mutation.problem("y = x") == "the fragment is there 0 times, not once"
    assert mutation.problem("x + 1, x + 1") == "the fragment is there 2 times, not once"
