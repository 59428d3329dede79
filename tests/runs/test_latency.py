"""Latency belongs to one card; size is read from a header."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mammo_core.errors import RunError
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.sidecars import (
    LATENCY_FILE,
    Latency,
    count_parameters,
    read_latency,
    write_latency,
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "model_card.json").write_text("{}")
    return RunFolder(tmp_path)


def latency_of(run: RunFolder) -> Latency:
    return Latency(
        median_seconds=0.02, low_seconds=0.01, high_seconds=0.05, passes=40, engine="torch fp32",
        device="cpu", cores=2, measured_at="2026-01-01T00:00:00+00:00", card_sha256=card_hash(run),
    )  # fmt: skip


def test_what_was_measured_is_read_back_for_this_card_only(run: RunFolder) -> None:
    assert read_latency(run) is None
    write_latency(run, latency_of(run))
    assert read_latency(run) == latency_of(run)
    write_latency(run, replace(latency_of(run), card_sha256="0" * 64))
    assert read_latency(run) is None


def test_a_broken_measurement_is_named(run: RunFolder) -> None:
    run.file(LATENCY_FILE).write_text("{")
    with pytest.raises(RunError, match=r"latency of .* cannot be read"):
        read_latency(run)


def test_only_what_was_learnt_is_counted(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    layers = {
        "conv.weight": np.zeros((8, 3, 3, 3), dtype=np.float32),
        "bn.bias": np.zeros(8, dtype=np.float32),
        "bn.running_mean": np.zeros(8, dtype=np.float32),
        "bn.num_batches_tracked": np.zeros((), dtype=np.int64),
    }
    save_file(layers, weights, metadata={"format": "pt"})
    assert count_parameters(weights) == 8 * 27 + 8


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no weights at all", b"\xff" * 16])
def test_what_is_no_safetensors_file_is_said_to_be_none(data: bytes, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    assert count_parameters(weights) is None
    weights.write_bytes(data)
    with pytest.raises(RunError, match="not a safetensors file"):
        count_parameters(weights)
