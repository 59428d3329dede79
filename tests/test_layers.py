"""Who may import whom. A failing test here is a design question, not a nuisance to silence."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Third-party packages each part may import. The standard library is always allowed.
ALLOWED: dict[str, set[str]] = {
    "mammo_core": {"numpy", "pandas"},
    "mammo_core/preprocessing": {
        "numpy", "pandas", "pydicom", "cv2", "PIL", "imagecodecs", "openjpeg", "psutil", "scipy",
    },
    "mammo_core/datasets": {"numpy", "pandas", "sklearn", "scipy", "cv2", "openpyxl"},
    "mammo_core/metrics": {"numpy", "pandas", "sklearn", "scipy"},
    "mammo_core/plots": {"numpy", "pandas", "plotly"},
    "mammo_core/runs": {"numpy", "pandas", "safetensors"},
    "mammo_core/reports": {"numpy", "pandas", "plotly", "PIL", "cv2", "pydicom", "highdicom"},
    "mammo_core/zoo": {"torch", "timm", "safetensors"},
    "mammo_core/training": {"numpy", "pandas", "torch", "lightning_fabric", "safetensors"},
    "mammo_core/inference": {"numpy", "pandas", "torch", "safetensors", "openvino"},
    "mammo_core/explain": {"numpy", "pandas", "torch", "pytorch_grad_cam", "cv2"},
    "mammo_core/commands": {"numpy", "pandas"},
    "pages": {"streamlit", "pandas"},
    "pages/components": {"streamlit", "pandas", "numpy"},
    "streamlit_app.py": {"streamlit"},
}  # fmt: skip

#: Parts of our own package each part may import, besides itself and the modules at the top.
OWN: dict[str, set[str]] = {
    "preprocessing": set(),
    "metrics": set(),
    "runs": set(),
    "zoo": set(),
    "datasets": {"preprocessing", "metrics", "runs"},
    "plots": {"metrics"},
    "explain": {"preprocessing", "datasets", "metrics", "runs", "zoo"},
    "training": {"preprocessing", "datasets", "metrics", "runs", "zoo", "explain"},
    "inference": {"preprocessing", "datasets", "metrics", "runs", "zoo", "explain"},
    "reports": {"preprocessing", "datasets", "metrics", "plots", "runs", "zoo", "inference"},
    "commands": {
        "preprocessing", "datasets", "metrics", "plots", "runs", "zoo", "training", "inference",
        "explain", "reports",
    },
}  # fmt: skip

#: What must load without torch: the pages that show tables and pictures open without paying for it.
TORCH_FREE = [
    "mammo_core.config",
    "mammo_core.cli",
    "mammo_core.training.recipes",
    "mammo_core.training.worker",
    "mammo_core.zoo.catalog",
    *(
        f"mammo_core.{source.relative_to(ROOT / 'mammo_core').with_suffix('').as_posix()}".replace(
            "/", "."
        )
        for part in ("preprocessing", "datasets", "runs", "metrics", "plots", "reports", "commands")
        for source in sorted((ROOT / "mammo_core" / part).glob("*.py"))
        if source.stem != "__init__"
    ),
]

SOURCES = sorted(
    [*ROOT.glob("mammo_core/**/*.py"), *ROOT.glob("pages/**/*.py"), *ROOT.glob("streamlit_app.py")]
)


def imports_of(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def part_of(source: Path) -> str:
    relative = source.relative_to(ROOT).as_posix()
    return max((part for part in ALLOWED if relative.startswith(part)), key=len)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_only_what_its_part_may(source: Path) -> None:
    allowed = ALLOWED[part_of(source)] | {"mammo_core", "pages"} | set(sys.stdlib_module_names)
    if part_of(source).startswith("mammo_core"):
        allowed -= {"pages"}
    outside = {name for name in imports_of(source) if name.partition(".")[0] not in allowed}
    assert not outside, f"{source.relative_to(ROOT)} may not import {sorted(outside)}"


@pytest.mark.parametrize("part", sorted(OWN))
def test_parts_depend_downwards(part: str) -> None:
    others = {folder.name for folder in (ROOT / "mammo_core").iterdir() if folder.is_dir()} - {part}
    for source in sorted((ROOT / "mammo_core" / part).glob("**/*.py")):
        used = {name.split(".")[1] for name in imports_of(source) if name.startswith("mammo_core.")}
        assert used & others <= OWN[part], (
            f"{source.relative_to(ROOT)} imports {sorted(used & others)}"
        )


def test_the_floor_of_the_house_imports_no_part_of_it() -> None:
    parts = set(OWN)
    for source in sorted((ROOT / "mammo_core").glob("*.py")):
        if source.stem == "cli":
            continue
        used = {name.split(".")[1] for name in imports_of(source) if name.startswith("mammo_core.")}
        assert not used & parts, f"{source.name} imports {sorted(used & parts)}"


def test_light_modules_do_not_load_torch_or_streamlit() -> None:
    modules = [name for name in TORCH_FREE if module_file(name).exists()]
    assert len(modules) >= 2
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_training_loads_where_there_are_no_pages_and_no_dicom() -> None:
    absent = ["streamlit", "plotly", "pydicom", "pytorch_grad_cam", "imagecodecs"]
    modules = [
        f"mammo_core.training.{source.stem}"
        for source in sorted((ROOT / "mammo_core/training").glob("*.py"))
        if source.stem != "__init__"
    ]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    imports = "".join(f"; import {name}" for name in modules)
    assert (
        subprocess.run([sys.executable, "-c", blocked + imports], cwd=ROOT, check=False).returncode
        == 0
    )


def module_file(name: str) -> Path:
    return ROOT / (name.replace(".", "/") + ".py")
