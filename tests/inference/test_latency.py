"""A measurement names what it was made of."""

from pathlib import Path

import pytest

from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.latency import measure_latency
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import count_parameters, read_latency, write_latency
from tests.inference.made_up import write_checkpoint


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    (tmp_path / "made-up").mkdir()
    return write_checkpoint(tmp_path / "made-up")


def test_a_checkpoint_is_timed_and_the_time_kept_beside_its_card(folder: Path) -> None:
    seen: list[int] = []
    latency = measure_latency(
        load_checkpoint(folder),
        passes=4,
        report=lambda done, *_: seen.append(done),
        should_stop=lambda: False,
    )
    assert latency is not None
    assert 0.0 < latency.low_seconds <= latency.median_seconds <= latency.high_seconds < 10.0
    assert (latency.passes, latency.device) == (4, "cpu")
    assert "fp32" in latency.engine
    assert len(seen) == 9
    write_latency(RunFolder(folder), latency)
    assert read_latency(RunFolder(folder)) == latency


def test_a_stop_leaves_nothing(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    assert measure_latency(checkpoint, report=lambda *_: None, should_stop=lambda: True) is None


def test_parameters_are_those_torch_would_train(folder: Path) -> None:
    model = load_checkpoint(folder).model
    trained = sum(parameter.numel() for parameter in model.parameters())
    assert count_parameters(folder / "weights.safetensors") == trained
