"""The container's files, as far as they can be checked without an engine."""

import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml

from launcher.address import LOOPBACK
from launcher.command import read_arguments
from mammo_core.files import REPOSITORY
from mammo_core.sharing.accounts import add_account
from mammo_core.sharing.rights import Role
from tests.test_start import free_port

PASSWORD = "four words of no sense"
#: What those who use a model that ships write beside it.
OF_USERS = (
    "about.json", "cost.json", "latency.json", "margins.jsonl", "operating_points.jsonl",
    "test_opened.jsonl",
)  # fmt: skip

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))


def steps(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.M)


def test_what_the_docs_say_to_set_in_compose_fits_what_is_there() -> None:
    told = (REPOSITORY / "docs" / "docker.md").read_text(encoding="utf-8")
    asked = [yaml.safe_load(one) for one in re.findall(r"^```yaml\n(.*?)^```", told, re.M | re.S)]
    own = {**asked[0], **asked[1]}
    service = COMPOSE["services"]["mammoscope"]
    assert set(service["volumes"]) < set(own["volumes"])
    assert own["environment"]["MAMMO_ROOTS"] == own["volumes"][1].split(":")[1]
    (usual,) = (json.loads(step) for step in steps("CMD"))
    assert own["command"][: len(usual)] == usual
    assert read_arguments(own["command"][2:]).name == ["mammo.lab.example"]


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
        *(f"checkpoints/rsna-density/{name}" for name in OF_USERS),
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
        and path.name not in OF_USERS
    ]  # fmt: skip
    assert len(shipped) > 300
    assert [name for name in shipped if not is_copied(name)] == []


@pytest.mark.slow
def test_what_is_copied_starts_lets_in_who_has_an_account_and_writes_to_its_data_alone(
    tmp_path: Path,
) -> None:
    """As the image is made and started, but in this Python, which stands in for its own."""
    app, data = tmp_path / "app", tmp_path / "data"
    shutil.copytree(REPOSITORY, app, ignore=not_copied)
    python = app / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    variables = {
        **os.environ, "MAMMO_HOME": str(data / "home"), "HOME": str(data),
        "MAMMO_CHECKPOINTS": str(data / "checkpoints"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    (installing,) = (step for step in steps("RUN") if step.startswith("python -m launcher"))
    subprocess.run([sys.executable, *installing.split()[1:]], cwd=app, env=variables, check=True)
    add_account(data / "home" / "accounts.json", "anna", Role.READER, password=PASSWORD)
    before = listing(app)
    port = free_port()
    start = [sys.executable, "start.py", "--shared", "--port", str(port)]
    log = tmp_path / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(start, cwd=app, env=variables, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while "is ready at" not in log.read_text():
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        assert ask(port, "/") == (303, "")
        form = urlencode({"name": "anna", "password": PASSWORD})
        status, cookie = ask(port, "/login", body=form)
        assert status == 303
        assert ask(port, "/", cookie=cookie.split(";")[0])[0] == 200
    finally:
        server.terminate()
        server.wait()
    assert listing(app) == before


def not_copied(folder: str, names: list[str]) -> list[str]:
    inside = Path(folder).relative_to(REPOSITORY)
    return [name for name in names if not is_copied((inside / name).as_posix())]


def listing(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def ask(port: int, path: str, *, body: str | None = None, cookie: str = "") -> tuple[int, str]:
    """The status of the answer, and the cookie it brings."""
    origin = f"http://{LOOPBACK}:{port}"
    headers = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
    if cookie:
        headers["Cookie"] = cookie
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    connection.request("GET" if body is None else "POST", path, body=body, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Set-Cookie", "")


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
