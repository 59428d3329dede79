"""What an exam costs, in words."""

from mammo_core.inference.cost import ExamCost, cost_in_words


def test_where_a_system_does_not_tell_the_memory_that_is_said_and_no_nought() -> None:
    cost = ExamCost(seconds=1.25, peak_bytes=None, engine="torch")
    assert cost_in_words(cost) == "1.2 s, memory is not told on this system (torch)"
    known = ExamCost(seconds=1.25, peak_bytes=3 * 2**29, engine="torch")
    assert cost_in_words(known) == "1.2 s, at most 1.5 GiB (torch)"
