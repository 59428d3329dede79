"""The container's files, as far as they can be checked without an engine."""

import json
import re
import shlex
from pathlib import Path

import yaml

from launcher.command import read_arguments
from mammo_core.files import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))


def steps(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.M)


def test_images_are_pinned_and_nothing_runs_as_root() -> None:
    images = [*steps("FROM"), *(one["image"] for one in COMPOSE["services"].values())]
    assert len(images) == 3
    assert all(re.search(r":\d+\.\d+", image) for image in images)
    assert steps("USER") == ["1000"]
    assert DOCKERFILE.index("USER 1000") < DOCKERFILE.index("RUN python -m venv")


def test_what_is_copied_is_there_and_what_is_private_is_not_copied() -> None:
    for step in steps("COPY"):
        *sources, _ = [word for word in shlex.split(step) if not word.startswith("--")]
        assert all((REPOSITORY / source).exists() for source in sources)
    private = (
        ".git/config", ".env", ".venv/bin/python", "mammo_core/__pycache__/cli.pyc",
        "checkpoints/20260101-120000-own-ab12/weights.safetensors",
        "checkpoints/phantom-light/about.json", "checkpoints/rsna-density/test_opened.jsonl",
    )  # fmt: skip
    assert [name for name in private if is_copied(name)] == []
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8")
    tracked = re.findall(r"^!(checkpoints/[\w-]+)/$", ignored, re.M)
    assert len(tracked) >= 4
    shipped = [
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("mammo_core", "pages", "launcher", "sample_images", ".streamlit", *tracked)
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        and path.name not in ("about.json", "test_opened.jsonl", "operating_points.jsonl")
    ]  # fmt: skip
    assert len(shipped) > 300
    assert [name for name in shipped if not is_copied(name)] == []


def is_copied(name: str) -> bool:
    """By .dockerignore: the last line that fits the file or a folder it lies in decides."""
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    places = [Path(name), *Path(name).parents][:-1]
    answer = True
    for line in (line for line in lines if line and not line.startswith("#")):
        pattern = line.removeprefix("!")
        depth = None if pattern.startswith("**/") else pattern.count("/") + 1
        if any(
            one.match(pattern.removeprefix("**/")) and depth in (None, len(one.parts))
            for one in places
        ):
            answer = line.startswith("!")
    return answer


def test_torch_is_installed_in_the_pinned_version() -> None:
    (pattern,) = re.findall(r"grep -E '([^']+)' requirements.txt", DOCKERFILE)
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split("==")[0] for line in lines if re.match(pattern, line)]
    assert found == ["torch", "torchvision"]


def test_the_command_is_one_that_the_launcher_knows() -> None:
    (command,) = (json.loads(step) for step in steps("CMD"))
    assert command[:2] == ["python", "start.py"]
    options = read_arguments(command[2:])
    assert (options.host, str(options.port)) == ("0.0.0.0", steps("EXPOSE")[0])


def test_both_services_are_published_to_this_computer_alone() -> None:
    ports = [port for one in COMPOSE["services"].values() for port in one["ports"]]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)
    mounted = {volume.split(":")[0] for volume in COMPOSE["services"]["orthanc"]["volumes"]}
    assert all((REPOSITORY / one).is_file() for one in mounted if one.startswith("./"))
    orthanc = json.loads((REPOSITORY / "deploy/orthanc.json").read_text(encoding="utf-8"))
    assert orthanc["AuthenticationEnabled"]
    assert orthanc["RegisteredUsers"] == {"mammoscope": "${ORTHANC_PASSWORD}"}
