"""One interface, whatever runs the network: what it gives, what it is called, what is kept."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor, nn

from mammo_core.config import ModelConfig, PrepareSettings
from mammo_core.errors import CheckpointError, MammoError
from mammo_core.explain.closed_form import Head
from mammo_core.files import REPOSITORY, cache_root, locked, sha256_of
from mammo_core.inference import converting, engine, openvino
from mammo_core.inference.checkpoint import Checkpoint, Unbuilt, load_checkpoint
from mammo_core.inference.converting import make_check
from mammo_core.inference.engine import open_engine, open_to_read, torch_engine
from mammo_core.inference.openvino import (
    CONVERTING,
    EngineCheck,
    check_of,
    engine_folder,
    find_check,
    trial_batch,
)
from mammo_core.inference.scoring import score_images
from mammo_core.runs.card import write_card
from mammo_core.training.outcome import save_weights
from mammo_core.types import CANCER, ImageInfo, ImageRef, Mammogram
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from tests.inference.made_up import PREPARE, card, write_checkpoint


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


CONVERTED_APART = openvino._converted_apart


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process of its own, as outside of tests."""
    monkeypatch.setattr(openvino, "_converted_apart", CONVERTED_APART)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    (tmp_path / "model").mkdir()
    return load_checkpoint(write_checkpoint(tmp_path / "model", seed=2))


def with_network(trunk: nn.Module) -> Checkpoint:
    model = Classifier(trunk, layout=ChannelsFirst()).eval()
    return Checkpoint(folder=Path(), card=card("1" * 64), model=model)


class Linear(nn.Module):
    """Each pixel counts, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(1, 2)

    def forward_features(self, images: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(images, 4)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        pooled = features.mean(dim=(2, 3))
        return pooled if pre_logits else self.fc(pooled)


class CountsCalls(Linear):
    """Another network at every call: what is traced is not what runs."""

    calls = 0

    def forward_features(self, images: Tensor) -> Tensor:
        self.calls += 1
        return super().forward_features(images) * float(self.calls)


class Endless(Linear):
    """Sure without end, of one image or of all."""

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        found = super().forward_head(features, pre_logits)
        return found if pre_logits else found * torch.inf


class TooOdd(Linear):
    """Something OpenVINO has no word for."""

    def forward_features(self, images: Tensor) -> Tensor:
        return super().forward_features(torch.special.bessel_j0(images))


def test_on_a_cpu_openvino_gives_what_torch_gives(checkpoint: Checkpoint) -> None:
    batch = np.random.default_rng(0).normal(size=(3, 1, 64, 32)).astype(np.float32)
    engine, reference = open_engine(checkpoint), torch_engine(checkpoint)
    assert (engine.name, reference.name) == ("openvino fp32", "torch fp32")
    ours, theirs = engine.run(batch), reference.run(batch)
    assert ours.logits.shape == (3, 2)
    assert ours.feature_map.shape == (3, 80, 4, 2)
    assert ours.embedding.shape == (3, 80)
    for name in ("logits", "feature_map", "embedding"):
        assert getattr(ours, name).dtype == np.float32
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "views"),
    [
        ("test_convnext", 2),
        ("timm:test_vit", 1),
        ("conv3_dense3", 2),
        pytest.param("test_resnet", 1, marks=pytest.mark.slow),
        pytest.param("test_resnet", 2, marks=pytest.mark.slow),
        pytest.param("test_convnext", 1, marks=pytest.mark.slow),
        pytest.param("timm:test_vit", 2, marks=pytest.mark.slow),
        pytest.param("conv3_dense3", 1, marks=pytest.mark.slow),
    ],
)
def test_other_networks_convert_too(backbone: str, views: Literal[1, 2], tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = ModelConfig(backbone=backbone, views=views)
    model = build_model(settings, task=CANCER, channels=1)
    weights = tmp_path / "weights.safetensors"
    save_weights(model, weights)
    write_card(replace(card(sha256_of(weights)), model=settings), tmp_path / "model_card.json")
    checkpoint = load_checkpoint(tmp_path)
    engine = open_engine(checkpoint)
    assert engine.name == "openvino fp32"
    assert isinstance(engine.head, Head) == (backbone != "conv3_dense3")
    batch = trial_batch(PREPARE, views=views)
    theirs = torch_engine(checkpoint).run(batch)
    ours = engine.run(batch)
    assert (len(ours.logits), len(ours.feature_map), len(ours.embedding)) == (4, 4 * views, 4)
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=1e-4)


def test_torch_calculates_in_bf16_too_and_answers_in_32_bits(checkpoint: Checkpoint) -> None:
    batch = trial_batch(PREPARE)
    full, half = (torch_engine(checkpoint, number).run(batch) for number in ("fp32", "bf16"))
    assert torch_engine(checkpoint, "bf16").name == "torch bf16"
    assert half.logits.dtype == half.feature_map.dtype == np.float32
    assert 0.0 < np.abs(full.feature_map - half.feature_map).max() < 0.1


def test_what_is_given_stays_when_the_engine_runs_again(checkpoint: Checkpoint) -> None:
    engine = open_engine(checkpoint)
    first = engine.run(np.zeros((1, 1, 64, 32), np.float32))
    kept = first.feature_map.copy()
    engine.run(np.ones((1, 1, 64, 32), np.float32))
    np.testing.assert_array_equal(first.feature_map, kept)


def test_a_network_is_converted_once_and_its_check_is_kept(checkpoint: Checkpoint) -> None:
    told: list[str] = []
    open_engine(checkpoint, tell=told.append)
    folder = engine_folder(checkpoint.card)
    assert {path.name for path in folder.iterdir()} == {
        "model.xml", "model.bin", "head.npz", "engine_check.json",
    }  # fmt: skip
    made = (folder / "model.bin").stat().st_mtime_ns
    assert open_engine(checkpoint, tell=told.append).name == "openvino fp32"
    assert told == [CONVERTING]  # for whoever waits: the first time alone
    assert (folder / "model.bin").stat().st_mtime_ns == made
    check = find_check(checkpoint.card)
    assert check is not None
    assert check.weights_sha256 == checkpoint.card.weights_sha256
    assert check.difference is not None
    assert check.difference <= 1e-4
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.slow
def test_a_damaged_network_is_made_anew(checkpoint: Checkpoint) -> None:
    open_engine(checkpoint)
    weights = engine_folder(checkpoint.card) / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert find_check(checkpoint.card) is None
    assert open_engine(checkpoint).name == "openvino fp32"
    assert weights.read_bytes() == whole


def test_a_check_that_names_no_files_vouches_for_nothing(checkpoint: Checkpoint) -> None:
    open_engine(checkpoint)
    record = engine_folder(checkpoint.card) / "engine_check.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"files": {}}))
    assert find_check(checkpoint.card) is None


def test_what_decides_the_network_decides_where_it_is_kept() -> None:
    one = card("0" * 64)
    others = [
        card("1" * 64),
        replace(one, model=replace(one.model, pooling="max")),
        replace(one, prepare=PrepareSettings(size=(64, 64))),
    ]
    assert len({engine_folder(each) for each in (one, *others)}) == 4


def test_where_openvino_differs_torch_reads_and_says_so() -> None:
    checkpoint = with_network(CountsCalls())
    check = make_check(checkpoint)
    assert check.difference is not None
    assert check.difference > 1e-4
    engine = open_engine(checkpoint)
    assert engine.name == "torch fp32 (openvino differs)"
    assert "allowed: 0.0001" in engine.note
    assert not (engine_folder(checkpoint.card) / "model.bin").exists()


def test_a_network_that_gives_no_number_is_refused_in_a_sentence_and_shows_no_score() -> None:
    checkpoint = with_network(Endless())
    made = torch_engine(checkpoint, because=make_check(checkpoint))
    assert made.name == "torch fp32 (no number on trial)"
    assert "gave no number for a made-up image" in made.note
    assert not {"inf", "nan"} & set(re.findall(r"[a-z]+", made.note))
    ref = ImageRef(image_id="one")
    info = ImageInfo(ref=ref, kind="drawn", bits=12, is_synthetic=True)
    image = Mammogram(info=info, pixels=np.eye(64, 32, dtype=np.float32))
    with pytest.raises(MammoError, match="gave no number for 1 of 1 images, so there is no score"):
        score_images(checkpoint, [image], engine=made)


def test_what_openvino_cannot_convert_torch_reads_and_says_so() -> None:
    checkpoint = with_network(TooOdd())
    made = torch_engine(checkpoint, because=make_check(checkpoint))
    for one in (made, open_engine(checkpoint)):  # the second from what was kept
        assert one.name == "torch fp32 (openvino cannot convert it)"
        assert "cannot convert this network" in one.note


def test_the_networks_not_used_for_longest_make_room(tmp_path: Path) -> None:
    root = tmp_path / "home" / "cache" / "engines"
    for number in range(20):
        (root / f"{number:064d}").mkdir(parents=True)
        os.utime(root / f"{number:064d}", (number, number))
    (root / "making-crashed").mkdir()
    os.utime(root / "making-crashed", (0, 0))
    (root / "making-now").mkdir()
    make_check(with_network(Linear()))
    left = sorted(path.name for path in root.iterdir())
    assert [name for name in left if name.startswith("making")] == ["making-now"]
    assert len(left) - 1 == converting._MOST_KEPT
    assert f"{19:064d}" in left
    assert f"{4:064d}" not in left


_READS = """
import socket, sys
from pathlib import Path
opened = []
class Watched(socket.socket):
    def connect(self, address):
        opened.append(address)
        raise OSError("no network here")
socket.socket = Watched
socket.getaddrinfo = lambda *address, **_: opened.append(address) or []
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import open_engine
from mammo_core.inference.converting import make_check
checkpoint = load_checkpoint(Path(sys.argv[1]))
make_check(checkpoint)
print(open_engine(checkpoint).name)
loaded = [n for n in sys.modules if n.startswith("openvino_telemetry") and sys.modules[n]]
import threading
print(opened, loaded, threading.active_count())
"""


@pytest.mark.slow
def test_nothing_is_told_to_anyone(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write_checkpoint(tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-c", _READS, str(tmp_path / "model")],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
        env={**os.environ, "CI": "", "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["openvino fp32", "[] [] 1"]


def test_a_network_that_another_process_has_converted_meanwhile_stays_for_whoever_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    first = make_check(checkpoint)
    model = engine_folder(checkpoint.card) / "model.xml"
    before = model.stat().st_ino
    assert make_check(checkpoint) == first
    assert model.stat().st_ino == before


def test_a_small_network_does_not_wait_while_others_are_converted_and_a_large_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    made: list[EngineCheck] = []
    thread = threading.Thread(target=lambda: made.append(check_of(checkpoint)), daemon=True)
    with locked(cache_root() / "engines.lock"):
        assert not check_of(checkpoint).problem
        shutil.rmtree(engine_folder(checkpoint.card))
        monkeypatch.setattr("mammo_core.inference.openvino._SMALL_BYTES", 0)
        thread.start()
        thread.join(1.0)
        assert not made
    thread.join(60.0)
    assert len(made) == 1


_PEAK = """
import re, sys
from pathlib import Path
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import open_engine
import mammo_core.inference.scoring
def megabytes(what):
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
checkpoint = load_checkpoint(Path(sys.argv[1]))
before = megabytes("VmHWM")
name, is_traced = open_engine(checkpoint).name, "openvino.frontend.pytorch" in sys.modules
print(name, "traced" if is_traced else "opened", megabytes("VmHWM") - before,
      [name for name in ("pytorch_grad_cam", "matplotlib.pyplot") if name in sys.modules])
"""


@pytest.mark.slow
def test_who_reads_a_network_for_the_first_time_does_not_pay_for_its_conversion(
    checkpoint: Checkpoint,
) -> None:
    """The trace and OpenVINO's copies of a network of 1500 x 750 were 600 MB in the server."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(checkpoint.folder)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    *said, megabytes, unneeded = done.stdout.split()
    assert said == ["openvino", "fp32", "opened"]
    assert unneeded == "[]"  # what other heatmaps need is loaded when one is asked for
    if sys.platform == "linux":
        assert int(megabytes) < 150


_WITHOUT_TORCH = """
import json, sys
from pathlib import Path
import numpy as np
from mammo_core.inference.engine import open_to_read
from mammo_core.inference.scoring import look_into, score_images
from mammo_core.types import ImageInfo, ImageRef, Mammogram
info = ImageInfo(ref=ImageRef(image_id="made-up"), kind="made up", bits=16)
image = Mammogram(info=info, pixels=np.load(sys.argv[2]))
checkpoint, engine = open_to_read(Path(sys.argv[1]))
(reading,) = score_images(checkpoint, [image], engine=engine)
look_into(image, reading)
loaded = [name for name in ("torch", "timm") if name in sys.modules]
print(json.dumps([engine.name, reading.score, reading.evidence.tolist(), loaded]))
"""


def mammogram() -> Mammogram:
    pixels = np.zeros((120, 80), np.float32)
    pixels[10:110, :50] = np.random.default_rng(0).uniform(0.2, 1.0, (100, 50))
    info = ImageInfo(ref=ImageRef(image_id="made-up"), kind="made up", bits=16)
    return Mammogram(info=info, pixels=pixels)


@pytest.mark.slow
def test_a_converted_network_reads_without_torch_what_torch_reads(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """torch takes half a gigabyte of a server."""
    np.save(tmp_path / "image.npy", mammogram().pixels)
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH, str(checkpoint.folder), str(tmp_path / "image.npy")],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    name, score, evidence, loaded = json.loads(done.stdout)
    (expected,) = score_images(checkpoint, [mammogram()])
    assert (name, loaded) == ("openvino fp32", [])
    assert score == pytest.approx(expected.score, abs=1e-4)
    np.testing.assert_allclose(evidence, expected.evidence, atol=1e-4)
    assert np.max(evidence) > 0.001


def test_its_network_is_built_when_another_heatmap_is_asked_for(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_may_have_gpu", lambda: False)
    unbuilt, opened = open_to_read(checkpoint.folder)
    (found,) = score_images(unbuilt, [mammogram()], method="hires_cam", engine=opened)
    (expected,) = score_images(checkpoint, [mammogram()], method="hires_cam")
    assert isinstance(unbuilt, Unbuilt)
    assert found.method == expected.method == "hires_cam"
    np.testing.assert_allclose(found.evidence, expected.evidence, atol=1e-3)


def test_where_there_may_be_a_gpu_torch_is_asked(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_may_have_gpu", lambda: True)
    loaded, opened = open_to_read(checkpoint.folder)
    assert isinstance(loaded, Checkpoint)
    assert opened.name == ("torch fp32" if torch.cuda.is_available() else "openvino fp32")


def test_torch_finds_no_gpu_where_there_is_no_driver() -> None:
    assert engine._may_have_gpu() or not torch.cuda.is_available()


def test_a_checkpoint_whose_weights_are_others_is_not_opened_to_read(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_may_have_gpu", lambda: False)
    make_check(checkpoint)
    weights = checkpoint.folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(CheckpointError, match="not those its card was written for"):
        open_to_read(checkpoint.folder)


def converters() -> list[psutil.Process]:
    """The processes that convert a network for this one."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "mammo_core.inference.converting" in child.cmdline():
                found.append(child)
    return found


def test_where_the_process_that_converts_is_killed_torch_reads_and_says_so(
    checkpoint: Checkpoint, apart: None
) -> None:
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(open_engine, checkpoint)
        while not (there := converters()) and not opening.done():
            time.sleep(0.01)
        for one in there:
            one.kill()
        engine = opening.result()
    assert engine.name == "torch fp32 (not converted)"
    assert re.search(r"process that converts it .* ended with (signal|exit status) \d", engine.note)
    assert engine.note.endswith("So torch reads with this network.")
    assert find_check(checkpoint.card) is None  # of the moment: it is tried again


def converter_of(checkpoint: Checkpoint) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mammo_core.inference.converting", str(checkpoint.folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_the_process_that_converts_ends_with_whoever_asked(checkpoint: Checkpoint) -> None:
    with converter_of(checkpoint) as process:
        assert process.stdin is not None
        process.stdin.close()  # as where a server is killed
        assert process.wait(timeout=60) == 1
    assert find_check(checkpoint.card) is None


@pytest.mark.slow
def test_the_process_that_converts_ends_in_peace(checkpoint: Checkpoint) -> None:
    with converter_of(checkpoint) as process:
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0
    assert find_check(checkpoint.card) is not None


@pytest.mark.slow
def test_what_the_process_that_converts_says_stands_beside_the_score(
    checkpoint: Checkpoint, apart: None
) -> None:
    (checkpoint.folder / "weights.safetensors").unlink()
    opened = open_engine(checkpoint)
    assert opened.name == "torch fp32 (not converted)"
    assert "has no weights.safetensors" in opened.note


def test_a_network_that_is_converted_and_cannot_be_run_is_not_converted_again(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, number: str) -> None:
        raise RuntimeError("shapes")

    monkeypatch.setattr(converting, "open_network", fail)
    assert make_check(checkpoint).problem == "openvino cannot run it"
    known = find_check(checkpoint.card)
    assert known is not None
    assert torch_engine(checkpoint, because=known).name == "torch fp32 (openvino cannot run it)"


@pytest.mark.slow
def test_two_who_open_a_network_at_once_have_it_converted_once(
    checkpoint: Checkpoint, apart: None
) -> None:
    with ThreadPoolExecutor(2) as pool:
        opening = [pool.submit(open_engine, checkpoint) for _ in range(2)]
        seen: set[int] = set()
        while not all(one.done() for one in opening):
            seen |= {one.pid for one in converters()}
            time.sleep(0.05)
    assert [one.result().name for one in opening] == ["openvino fp32"] * 2
    assert len(seen) == 1


def test_an_engine_that_rests_gives_the_same_afterwards(checkpoint: Checkpoint) -> None:
    make_check(checkpoint)
    engine, batch = open_engine(checkpoint), trial_batch(PREPARE)
    first = engine.run(batch)
    engine.rest()
    np.testing.assert_array_equal(engine.run(batch).logits, first.logits)
