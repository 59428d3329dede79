"""The process that does long work: `python -m mammo_core.worker KIND RUN_FOLDER`.

One table says what each kind of work is and whose turn it waits for; `runs/jobs.py` starts it,
beats its heart and reports its end. Nothing heavy is imported before the heart beats. Under
torchrun it is started once for each device.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mammo_core.config import (
    AuditConfig,
    CacheConfig,
    EmbedConfig,
    EvaluateConfig,
    JudgeConfig,
    MeasureConfig,
    RunConfig,
)
from mammo_core.errors import MammoError, RunError
from mammo_core.files import keep_private
from mammo_core.places.cluster import is_on_cluster
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.runs.jobs import JobProgress, carry_out, device_of
from mammo_core.sharing.owners import OF_RUN, read_owner

#: torchrun ends all processes when one fails: the first must have written down why by then.
_LET_THE_FIRST_SPEAK_SECONDS: Final = 5.0


def train(run: RunFolder) -> str:
    from mammo_core.training.session import train as train_run

    return train_run(run)


def preflight(run: RunFolder) -> str:
    from mammo_core.training.measuring import measure
    from mammo_core.training.preflight import write_preflight

    found, looks = measure(run.settings(RunConfig), report=JobProgress(run))
    write_preflight(run.path, found, looks)
    return f"About {found.seconds / 60:.0f} minutes of training on this computer."


def baselines(job: RunFolder) -> str:
    from mammo_core.training.baselines import baselines_of

    run = find_checkpoint(job.settings(MeasureConfig).checkpoint)
    return baselines_of(run, report=JobProgress(job), should_stop=job.is_asked_to_stop)


def evaluate(run: RunFolder) -> str:
    from mammo_core.inference.evaluate import evaluate_into

    config = run.settings(EvaluateConfig)
    return evaluate_into(
        run, config, report=JobProgress(run), should_stop=run.is_asked_to_stop, log=sys.stderr.write
    )


def embed(job: RunFolder) -> str:
    from mammo_core.inference.embedding import embed_into

    return embed_into(
        job,
        job.settings(EmbedConfig),
        report=JobProgress(job),
        should_stop=job.is_asked_to_stop,
    )


def judge(job: RunFolder) -> str:
    from mammo_core.inference.judging import judge as judge_checkpoint
    from mammo_core.runs.operating_points import note_opening
    from mammo_core.types import Split

    config, now = job.settings(JudgeConfig), datetime.now(UTC).isoformat(timespec="seconds")
    run = find_checkpoint(config.checkpoint)
    found = judge_checkpoint(
        config,
        run,
        now=now,
        device="auto",
        report=JobProgress(job),
        should_stop=job.is_asked_to_stop,
    )
    if found is None:
        return "Stopped on request; nothing was kept."
    if found.split == Split.TEST:  # what the job ends with is shown
        with suppress(RunError):  # a folder that only can be read
            note_opening(run, by=f"job {config.kind}", now=now)
    return "\n".join(found.sentences)


def latency(job: RunFolder) -> str:
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.latency import measure_latency
    from mammo_core.runs.sidecars import write_latency

    run = find_checkpoint(job.settings(MeasureConfig).checkpoint)
    found = measure_latency(
        load_checkpoint(run.path, device="auto"),
        report=JobProgress(job),
        should_stop=job.is_asked_to_stop,
    )
    if found is None:
        return "Stopped on request; nothing was kept."
    write_latency(run, found)
    return f"{1000 * found.median_seconds:.1f} ms an image ({found.machine})."


def prepare(run: RunFolder) -> str:
    from mammo_core.datasets.dataset import read_in_question
    from mammo_core.datasets.prepared import in_words, prepare_dataset

    config = run.settings(CacheConfig)
    built = prepare_dataset(
        read_in_question(Path(config.folder), config.adapter, config.label_rule),
        config.prepare,
        processes=config.processes,
        report=JobProgress(run),
        should_stop=run.is_asked_to_stop,
    )
    return in_words(built)


def search(run: RunFolder) -> str:
    from mammo_core.training.searching import run_search

    return run_search(run, report=JobProgress(run), should_stop=run.is_asked_to_stop)


def archive(run: RunFolder) -> str:
    from mammo_core.archive.worklists import work

    return work(run)


def example(run: RunFolder) -> str:
    from mammo_core.example import make_example

    return make_example(run, report=JobProgress(run), should_stop=run.is_asked_to_stop)


def audit(run: RunFolder) -> str:
    from mammo_core.datasets.audit.report import put_into
    from mammo_core.datasets.audit.result import FIRST_FILE, write_audit
    from mammo_core.datasets.audit.run import FirstAnswer, audit_dataset
    from mammo_core.datasets.dataset import read_in_question

    config = run.settings(AuditConfig)
    dataset = read_in_question(Path(config.folder), config.adapter, config.label_rule)
    result = audit_dataset(
        dataset,
        first=FirstAnswer(tell=lambda found: write_audit(found, run.file(FIRST_FILE))),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        report=JobProgress(run),
        should_stop=run.is_asked_to_stop,
    )
    if run.is_asked_to_stop():
        return "Stopped on request; nothing was concluded from the files already seen."
    return put_into(run, dataset, result)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work. `device` tells whose turn it waits for."""

    work: Callable[[RunFolder], str]  # ends with its closing words
    device: Callable[[RunFolder], str]


def _disk(run: RunFolder) -> str:
    """Files are read and no network is run: a training need not wait, another reader must."""
    return "disk"


def _own_turn(run: RunFolder) -> str:
    """It hands all work on to others, each of which waits for its own device."""
    return "example"


def _any_device(run: RunFolder) -> str:
    """Like a training: two at once would slow, and measure, each other."""
    return device_of("auto")


def _chosen_device(run: RunFolder) -> str:
    """Under torchrun a scheduler has given out the devices: nobody waits for another's."""
    return run.run_id if "WORLD_SIZE" in os.environ else device_of(run.settings(RunConfig).device)


#: To add a kind of work, add one entry.
KINDS: Final = {
    "archive": Kind(archive, _any_device),
    "audit": Kind(audit, _disk),
    "baselines": Kind(baselines, _disk),
    "embed": Kind(embed, _any_device),
    "evaluate": Kind(evaluate, _any_device),
    "example": Kind(example, _own_turn),
    "explain_check": Kind(judge, _any_device),
    "froc": Kind(judge, _any_device),
    "latency": Kind(latency, _any_device),
    "preflight": Kind(preflight, _chosen_device),
    "prepare": Kind(prepare, _disk),
    "search": Kind(search, _any_device),
    "stress": Kind(judge, _any_device),
    "train": Kind(train, _chosen_device),
}


def main(name: str, folder: Path) -> int:
    """Carry the work out. Of several processes (torchrun) the first alone writes to the folder."""
    keep_private()
    run, kind = RunFolder(folder), KINDS[name]
    if int(os.environ.get("RANK", "0")) > 0:
        return _work_along(run, kind)
    # A cluster has given out the devices: nobody waits for another's.
    device = run.run_id if is_on_cluster() else kind.device(run)
    return carry_out(run, kind.work, device=device, called=called_in_line(run))


def called_in_line(run: RunFolder) -> str:
    """Of a run that is private, those who wait behind it learn no more than that."""
    owner = read_owner(run.file(OF_RUN))
    return "another run" if owner is not None and owner.is_private else run.run_id


def _work_along(run: RunFolder, kind: Kind) -> int:
    try:
        kind.work(run)
    except MammoError as error:
        sys.stderr.write(f"{error}\n")
        time.sleep(_LET_THE_FIRST_SPEAK_SECONDS)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
