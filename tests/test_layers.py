"""Who may import whom. A failing test here is a design question, not a nuisance to silence."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Third-party packages each part may import. The standard library is always allowed.
ALLOWED: dict[str, set[str]] = {
    "mammo_core": {"numpy", "pandas", "jinja2"},
    "mammo_core/preprocessing": {
        "numpy", "pandas", "pydicom", "cv2", "PIL", "imagecodecs", "openjpeg", "psutil", "scipy",
        "simplejpeg", "openpyxl",
    },
    "mammo_core/datasets": {"numpy", "pandas", "sklearn", "scipy", "cv2", "skimage"},
    "mammo_core/metrics": {"numpy", "pandas", "sklearn", "scipy", "threadpoolctl"},
    "mammo_core/places": {"ray"},
    "mammo_core/plots": {"numpy", "pandas", "plotly"},
    "mammo_core/runs": {"numpy", "pandas", "safetensors", "mlflow"},
    "mammo_core/reports": {
        "numpy", "pandas", "plotly", "PIL", "cv2", "pydicom", "highdicom", "markupsafe",
    },
    "mammo_core/zoo": {"numpy", "torch", "torchvision", "timm", "safetensors", "openvino"},
    "mammo_core/training": {
        "numpy", "pandas", "torch", "lightning_fabric", "safetensors", "ray",
    },
    "mammo_core/inference": {"numpy", "pandas", "torch", "safetensors", "openvino"},
    "mammo_core/explain": {"numpy", "pandas", "torch", "pytorch_grad_cam", "cv2"},
    "mammo_core/shipping": {"numpy", "pandas", "torch", "safetensors"},
    "mammo_core/sharing": {"argon2"},
    "mammo_core/archive": {
        "numpy", "pandas", "PIL", "pydicom", "highdicom", "dicomweb_client", "requests", "urllib3",
        "pynetdicom", "cryptography",
    },
    "mammo_core/commands": {"numpy", "pandas"},
    "pages": {"streamlit", "pandas"},
    "pages/components": {"streamlit", "pandas", "numpy"},
    "streamlit_app.py": {"streamlit"},
}  # fmt: skip

#: Parts of our own package each part may import, besides itself and the modules at the top.
OWN: dict[str, set[str]] = {
    "places": set(),
    "preprocessing": set(),
    "metrics": set(),
    "runs": {"places"},
    "zoo": set(),
    "sharing": set(),
    "datasets": {"places", "preprocessing", "metrics", "runs"},
    "plots": {"metrics"},
    "explain": {"preprocessing", "datasets", "metrics", "runs", "zoo"},
    "training": {"places", "preprocessing", "datasets", "metrics", "runs", "zoo", "explain"},
    "inference": {"places", "preprocessing", "datasets", "metrics", "runs", "zoo", "explain"},
    "reports": {"preprocessing", "datasets", "metrics", "plots", "runs", "zoo", "inference"},
    "archive": {"preprocessing", "metrics", "runs", "inference", "reports"},
    "shipping": {
        "preprocessing", "datasets", "metrics", "runs", "zoo", "training", "inference", "explain",
    },
    "commands": {
        "places", "preprocessing", "datasets", "metrics", "plots", "runs", "zoo", "training",
        "inference", "explain", "reports", "shipping", "sharing", "archive",
    },
}  # fmt: skip

#: Modules at the top that stand above every part: whatever is done, they start it.
ABOVE_ALL = ("cli", "worker", "example", "__init__")

#: What must load without torch: the pages that show tables and pictures open without paying for it.
TORCH_FREE_PARTS = (
    "places", "preprocessing", "datasets", "runs", "metrics", "plots", "reports", "commands",
    "sharing", "archive",
)  # fmt: skip
TORCH_FREE = (
    "config", "cli", "worker", "example", "training.recipes", "training.by_recipe",
    "training.preflight", "zoo.catalog", "zoo.published", "inference.engine",
    "inference.scoring", "inference.openvino",
)  # fmt: skip

SOURCES = sorted(
    [*ROOT.glob("mammo_core/**/*.py"), *ROOT.glob("pages/**/*.py"), *ROOT.glob("streamlit_app.py")]
)
Imports = dict[str, set[str]]  # by module, what it imports


def name_of(source: Path) -> str:
    parts = source.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(source): source for source in SOURCES}


def imports_of(source: Path, *, lazy: bool = True) -> Iterator[str]:
    """What a file imports; without `lazy` only what it needs to be loaded."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            yield from modules or {node.module}


def part_of(source: Path) -> str:
    relative = source.relative_to(ROOT).as_posix()
    return max((part for part in ALLOWED if relative.startswith(part)), key=len)


def parts_used(source: Path) -> set[str]:
    names = [name.split(".") for name in imports_of(source)]
    return {name[1] for name in names if name[0] == "mammo_core" and name[1:]}


def test_every_part_imports_only_the_libraries_it_may() -> None:
    offenders = {}
    for name, source in MODULES.items():
        part = part_of(source)
        allowed = ALLOWED[part] | {"mammo_core", "pages"} | set(sys.stdlib_module_names)
        if part.startswith("mammo_core"):
            allowed -= {"pages"}
        if outside := {each for each in imports_of(source) if each.split(".")[0] not in allowed}:
            offenders[name] = outside
    assert offenders == {}


@pytest.mark.slow
def test_parts_depend_downwards() -> None:
    parts = {folder.name for folder in (ROOT / "mammo_core").iterdir() if folder.is_dir()}
    offenders = {
        name: wrong
        for part in OWN
        for name, source in MODULES.items()
        if name.startswith(f"mammo_core.{part}.")
        if (wrong := parts_used(source) & parts - {part} - OWN[part])
    }
    assert offenders == {}


def test_the_floor_of_the_house_imports_no_part_of_it() -> None:
    floor = [source for source in ROOT.glob("mammo_core/*.py") if source.stem not in ABOVE_ALL]
    assert len(floor) >= 10
    assert {
        source.name: wrong for source in floor if (wrong := parts_used(source) & set(OWN))
    } == {}


def test_no_module_needs_itself_to_be_loaded() -> None:
    needs = {
        name: {each for each in imports_of(source, lazy=False) if each in MODULES} - {name}
        for name, source in MODULES.items()
    }
    while free := {name for name, needed in needs.items() if not needed & set(needs)}:
        needs = {name: needed for name, needed in needs.items() if name not in free}
    assert needs == {}, "these import one another in a circle, or something that does"


def test_light_modules_load_neither_torch_nor_ray() -> None:
    names = [
        name
        for name in MODULES
        if name.startswith(tuple(f"mammo_core.{part}." for part in TORCH_FREE_PARTS))
    ] + [f"mammo_core.{name}" for name in TORCH_FREE]
    assert len(names) >= 100
    code = (
        f"import sys, {', '.join(names)}; sys.exit(bool({{'torch', 'ray'}} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_opening_a_page_does_not_load_the_distributions_of_scipy() -> None:
    """`scipy.stats` takes a second, and fails where another page is importing torch meanwhile."""
    names = [name for name in MODULES if name.startswith("pages.components.")]
    assert len(names) >= 50
    code = f"import sys, {', '.join(names)}; sys.exit('scipy.stats' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert ran.returncode == 0


@pytest.mark.slow
def test_training_loads_where_there_are_no_pages_and_no_dicom() -> None:
    absent = ["streamlit", "plotly", "pydicom", "pytorch_grad_cam", "imagecodecs"]
    names = [name for name in MODULES if name.startswith("mammo_core.training.")]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    code = blocked + "".join(f"; import {name}" for name in names)
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_pages_take_what_belongs_to_a_visitor_from_one_place_alone() -> None:
    """Where several people share a server, the folders of `files` are nobody's."""
    own = {"cases_root", "worklists_root", "studies_root", "tables_root", "tags_root", "tour_file"}
    own |= {"list_runs", "find_run", "list_checkpoints", "find_checkpoint"}
    own |= {"list_registered", "register"}
    of_all = ("mammo_core.files", "mammo_core.runs.folder", "mammo_core.datasets.dataset")
    offenders = []
    for source in [*ROOT.glob("pages/**/*.py"), ROOT / "streamlit_app.py"]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in of_all:
                offenders += [f"{source}: {one.name}" for one in node.names if one.name in own]
    assert offenders == []
