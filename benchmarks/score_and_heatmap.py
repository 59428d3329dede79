"""From a prepared image to score and heatmap, beside torch with pytorch-grad-cam; on its own also
in bf16, with what that changes, and from a file on: `python -m benchmarks.score_and_heatmap`. With
`exam`, four views of a woman through the five networks that ship for women.

The weights are random, the norms measured on synthetic images and the last layer scaled to log-odds
of about 2: a network's time does not depend on its weights, but what bf16 changes does.

On a busy machine the threads of a network wait for each other, those of some longer than others.
`taskset -c 0` before the command leaves one, whose processor time says what is work.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from torch import Tensor, nn

from benchmarks.reading import KEY, breast
from benchmarks.side_by_side import Comparison, Side, Work, clocked
from mammo_core.config import ModelConfig, PrepareSettings
from mammo_core.explain.closed_form import grad_cam_of
from mammo_core.explain.grad_cam import log_odds
from mammo_core.files import sha256_of, shipped_checkpoints_root
from mammo_core.inference.checkpoint import WEIGHTS_NAME, Checkpoint, load_checkpoint
from mammo_core.inference.converting import make_check
from mammo_core.inference.engine import (
    Engine,
    fast_engine,
    open_engine,
    open_to_read,
    torch_engine,
)
from mammo_core.inference.openvino import trial_batch
from mammo_core.inference.scoring import heatmap_of, score_images
from mammo_core.preprocessing.dicom.parse import SYNTAXES
from mammo_core.preprocessing.prepare import prepare, to_heat, to_pane
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.runs.card import ModelCard, write_card
from mammo_core.scores import probabilities_of
from mammo_core.training.outcome import save_weights
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier
from tests.inference.made_up import card
from tests.preprocessing.dicom_files import encoded_file

SETTINGS: Final = PrepareSettings(size=(1024, 512))
POSITIVE: Final = (1,)
BACKBONES: Final = (
    ("mobilenetv2_100", "MobileNetV2"),
    ("resnet50", "ResNet50"),
    ("convnext_tiny", "ConvNeXt-Tiny"),
)
ROUNDS: Final = 5
SHIPPED: Final = "rsna-mobilenetv2"
VIEWS: Final = 4
EXPLICIT: Final = "1.2.840.10008.1.2.1"  # explicit little endian: uncompressed
Answer = tuple[float, NDArray[np.float32]]  # probability of cancer, map over the prepared frame


def best(works: dict[str, Callable[[], Answer]]) -> dict[str, tuple[float, float]]:
    """The best of `ROUNDS` of each, in turns: seconds by the clock, and of the processor.

    Each is run once before its turn: torch's threads keep a core busy for a while after their work
    is done, and would be counted with whoever comes next.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            work()
            clock, processor = time.perf_counter(), time.process_time()
            work()
            took = time.perf_counter() - clock, time.process_time() - processor
            found[name].append(took)
    return {
        name: (min(clock for clock, _ in times), min(used for _, used in times))
        for name, times in found.items()
    }


def random_network(backbone: str, batch: NDArray[np.float32]) -> Classifier:
    torch.manual_seed(0)
    model = build_model(ModelConfig(backbone=backbone), task=CANCER, channels=SETTINGS.channels)
    images = torch.from_numpy(batch)
    _draw_norms(model)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0
    with torch.no_grad():
        model.train()(images)
        model.eval()
        embedding = model.embed(model.features(images))
        last = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
        last.weight.copy_(torch.randn_like(last.weight) * 2.0 / embedding.norm(dim=1).mean())
        last.bias.zero_()
    return model


def card_of(backbone: str, *, weights: str) -> ModelCard:
    settings = ModelConfig(backbone=backbone)
    return replace(card(weights), model=settings, prepare=SETTINGS, model_id=backbone)


def made_up(backbone: str, batch: NDArray[np.float32]) -> Checkpoint:
    told = card_of(backbone, weights=f"{backbone:0>64}")
    made = Checkpoint(folder=Path(), card=told, model=random_network(backbone, batch))
    make_check(made)  # it lies in no folder that another process could convert it from
    return made


def _draw_norms(model: nn.Module) -> None:
    """timm starts the last norm of a residual block at 0, and so half of the network with it."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(part.weight, 0.5, 1.0)
            nn.init.normal_(part.bias, std=0.1)


class LogOdds:
    """The number to be explained, as pytorch-grad-cam wants it."""

    def __call__(self, logits: Tensor) -> Tensor:
        return log_odds(logits[None], POSITIVE)[0]


def by_library(checkpoint: Checkpoint, image: NDArray[np.float32]) -> Callable[[], Answer]:
    """One pass through the network and one back, as pytorch-grad-cam does it."""
    model = checkpoint.model
    cam = GradCAM(model=model, target_layers=[model.feature_map])

    def work() -> Answer:
        maps = cam(torch.from_numpy(image), targets=[LogOdds()])
        probabilities = cam.outputs.detach().double().softmax(dim=1)
        return float(probabilities[0, 1]), maps[0]

    return work


def by_engine(engine: Engine, image: NDArray[np.float32]) -> Callable[[], Answer]:
    """Ours; the map is stretched and enlarged as the library does it."""
    height, width = SETTINGS.size

    def work() -> Answer:
        outputs = engine.run(image)
        maps = grad_cam_of(engine.head, outputs.feature_map, POSITIVE)
        large = scale_cam_image(scale_cam_image(maps, (width, height)))
        return float(probabilities_of(outputs.logits)[0, 1]), large[0]

    return work


def put_checkpoint(folder: Path, height: int, *, backbone: str) -> None:
    """A checkpoint of random weights, converted as the first reading with it would."""
    prepare = PrepareSettings(size=(height, height // 2))
    save_weights(random_network(backbone, trial_batch(prepare)), folder / WEIGHTS_NAME)
    told = card_of(backbone, weights=sha256_of(folder / WEIGHTS_NAME))
    write_card(replace(told, prepare=prepare), folder / "model_card.json")
    open_to_read(folder)


@contextmanager
def here(folder: Path) -> Iterator[Work]:
    checkpoint, engine = open_to_read(folder)
    work = by_engine(engine, trial_batch(checkpoint.card.prepare, count=1))
    yield clocked(work)


@contextmanager
def with_grad_cam(folder: Path) -> Iterator[Work]:
    checkpoint = load_checkpoint(folder)
    checkpoint.model.requires_grad_(True)  # as timm gives it; what we read with is frozen
    yield clocked(by_library(checkpoint, trial_batch(checkpoint.card.prepare, count=1)))


ENTRIES: Final = tuple(
    Comparison(
        what=f"score and heatmap of a prepared image of 1024 x 512, {title}",
        put=partial(put_checkpoint, backbone=backbone),
        size=1024,
        here=Side(name="engine", open=here),
        instead=(Side(name="torch and pytorch-grad-cam", open=with_grad_cam),),
    )
    for backbone, title in BACKBONES
)


def compare_engines() -> None:
    batch = trial_batch(SETTINGS)
    rows, differences = [], []
    for backbone, title in BACKBONES:
        checkpoint = made_up(backbone, batch)
        engines = {
            "torch fp32": torch_engine(checkpoint),
            "openvino fp32": open_engine(checkpoint),
            "openvino bf16": fast_engine(checkpoint),
        }
        works = {"pytorch-grad-cam": by_library(checkpoint, batch[:1])}
        works |= {name: by_engine(engine, batch[:1]) for name, engine in engines.items()}
        differences.append([title, *_differences(checkpoint, engines, batch)])
        took = best(works)
        slow, slow_used = took["pytorch-grad-cam"]
        cells = [title]
        for clock, used in took.values():
            cells.append(f"{1000 * clock:.0f} ms ({slow / clock:.1f}), {1000 * used:.0f} ms "
                         f"({slow_used / used:.1f})")  # fmt: skip
        rows.append(cells)
        print(cells, flush=True)
    _print(["network", *took], rows)
    _print(["largest difference of", "probability, fp32", "map, fp32", "log-odds, bf16",
            "probability, bf16", "map, bf16"], differences)  # fmt: skip


def _differences(
    checkpoint: Checkpoint, engines: dict[str, Engine], batch: NDArray[np.float32]
) -> list[str]:
    """The largest over the four trial images, from pytorch-grad-cam."""
    found = np.zeros(5)
    for number in range(len(batch)):
        image = batch[number : number + 1]
        theirs, their_map = by_library(checkpoint, image)()
        full, full_map = by_engine(engines["openvino fp32"], image)()
        fast, fast_map = by_engine(engines["openvino bf16"], image)()
        here = (
            full - theirs,
            np.abs(full_map - their_map).max(),
            _log_odds(fast) - _log_odds(theirs),
            fast - theirs,
            np.abs(fast_map - their_map).max(),
        )
        found = np.maximum(found, np.abs(here))
    return [f"{value:.1e}" for value in found]


def _log_odds(probability: float) -> float:
    return float(np.log(probability / (1.0 - probability)))


def from_file_on() -> None:
    """MobileNetV2 in fp32, the server warm: what a page waits for, in milliseconds."""
    batch = trial_batch(SETTINGS)
    engine = open_engine(made_up("mobilenetv2_100", batch))
    full, tiny = breast(), breast(64, 64)
    rows = []
    for syntax in SYNTAXES:
        bits = 8 if syntax.uid.endswith(".50") else 12
        scale = 2 ** (12 - bits)
        content = encoded_file(full // scale, syntax.uid, bits_stored=bits)
        process = ReadingProcess()
        process.read(encoded_file(tiny // scale, syntax.uid, bits_stored=bits), key=KEY)
        steps = [_steps(process, content, engine) for _ in range(5)]
        process.close()
        fastest = min(steps, key=sum)
        cells = [f"{1000 * seconds:.0f}" for seconds in (*fastest, sum(fastest[1:]), sum(fastest))]
        rows.append([syntax.name, *cells])
        print(rows[-1], flush=True)
    _print(["transfer syntax", "decode", "prepare", "forward", "map", "encode", "after decoding",
            "in all"], rows)  # fmt: skip


def _steps(process: ReadingProcess, content: bytes, engine: Engine) -> list[float]:
    """Processor time of each step, that of the reading process included."""
    reader = psutil.Process(process.process_id)
    marks: list[float] = []

    def mark() -> None:
        of_reader = reader.cpu_times()
        marks.append(time.process_time() + of_reader.user + of_reader.system)

    mark()

    mammogram = process.read(content, key=KEY)
    mark()
    prepared = prepare(mammogram, SETTINGS)
    mark()
    outputs = engine.run(prepared.pixels[None])
    mark()
    (evidence,) = grad_cam_of(engine.head, outputs.feature_map, POSITIVE)
    mark()
    to_heat(evidence, prepared.geometry, longest=512)
    to_pane(mammogram, longest=2000)
    mark()
    return [later - earlier for earlier, later in pairwise(marks)]


def exam(rounds: int = ROUNDS) -> None:
    """Four views read, then their scores and heatmaps by the ensemble that ships, the server warm:
    seconds by the clock. The files are made up: what they score means nothing.
    """
    checkpoint, engine = open_to_read(shipped_checkpoints_root() / SHIPPED)
    content = encoded_file(breast(), EXPLICIT, bits_stored=12)
    process = ReadingProcess()
    times = []
    for _ in range(1 + rounds):  # the first is not counted
        began = time.perf_counter()
        views = [process.read(content, key=KEY) for _ in range(VIEWS)]
        read = time.perf_counter()
        readings = score_images(checkpoint, views, engine=engine)
        for reading in readings:
            heatmap_of(reading)
        times.append((read - began, time.perf_counter() - read))
    process.close()
    reading_best, scoring_best = (min(part) for part in zip(*times[1:], strict=True))
    networks = f"{checkpoint.card.model.members} networks, {engine.name}"
    _print(["four views of 4096 x 3328", "read", "score and heatmap"],
           [[networks, f"{reading_best:.2f} s", f"{scoring_best:.2f} s"]])  # fmt: skip


def _print(heading: list[str], rows: list[list[str]]) -> None:
    print(f"\n| {' | '.join(heading)} |\n|{'---|' * len(heading)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["MAMMO_HOME"] = home
        print(f"load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads")
        if "exam" in sys.argv:
            exam()
        else:
            if "files" not in sys.argv:
                compare_engines()
            from_file_on()
        print(f"\nload {os.getloadavg()[0]:.1f}")
