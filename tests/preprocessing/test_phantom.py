"""Women who do not exist: drawn the same again, and told apart by nothing but their lesion."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mammo_core.errors import ConfigError
from mammo_core.preprocessing.phantoms.anatomy import power_law_noise
from mammo_core.preprocessing.phantoms.files import Syntax, encode_dicom
from mammo_core.preprocessing.phantoms.lesions import LesionKind
from mammo_core.preprocessing.phantoms.shipped import write_samples
from mammo_core.preprocessing.phantoms.view import Breast, render_view
from mammo_core.preprocessing.phantoms.women import (
    VIEWS,
    PhantomSettings,
    Woman,
    draw_women,
    header_of,
    write_phantom_set,
)
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.tables import check_boxes, check_labels, check_manifest
from mammo_core.types import CANCER, Laterality, View

SIZE = (256, 128)


@pytest.fixture(scope="module")
def women() -> list[Woman]:
    return draw_women(PhantomSettings(women=60, seed=5, size=SIZE))


def ill_breasts(women: list[Woman]) -> list[Breast]:
    return [breast for woman in women for breast in woman.breasts if breast.lesion]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_phantom_set(tmp_path / folder, women=2, seed=seed, size=(64, 32))
    a, b, c = (
        [path.read_bytes() for path in sorted((tmp_path / folder).rglob("*")) if path.is_file()]
        for folder in "abc"
    )
    assert len(a) == 8 + 3  # images, and manifest, boxes, settings
    assert a == b
    assert not set(a[3:]) & set(c[3:])


def test_a_folder_that_holds_another_set_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    write_phantom_set(tmp_path, women=2, seed=3, size=(64, 32))
    before = (tmp_path / "manifest.csv").read_bytes()
    with pytest.raises(ConfigError, match="already holds a set of synthetic women"):
        write_phantom_set(tmp_path, women=1, seed=3, size=(64, 32))
    assert (tmp_path / "manifest.csv").read_bytes() == before
    write_phantom_set(tmp_path, women=2, seed=3, size=(64, 32))  # the same again may be written
    (tmp_path / "phantom.json").unlink()
    with pytest.raises(ConfigError, match=r"manifest\.csv"):
        write_phantom_set(tmp_path, women=2, seed=3, size=(64, 32))


@pytest.mark.slow
def test_a_set_keeps_the_contracts_and_its_boxes_lie_in_its_images(twelve_women: Path) -> None:
    manifest = check_manifest(pd.read_csv(twelve_women / "manifest.csv"))
    check_labels(manifest, CANCER)
    assert len(manifest) == 48
    assert all((twelve_women / path).is_file() for path in manifest["path"])
    ill = manifest[manifest["label"] == "cancer"]
    assert ill.groupby("patient_id")["side"].nunique().eq(1).all()
    boxes = check_boxes(pd.read_csv(twelve_women / "boxes.csv"))
    assert set(boxes["image_id"]) == set(ill["image_id"])
    assert ((boxes["x0"] >= 0) & (boxes["x1"] <= 32) & (boxes["x0"] < boxes["x1"])).all()
    assert ((boxes["y0"] >= 0) & (boxes["y1"] <= 64) & (boxes["y0"] < boxes["y1"])).all()


def test_a_third_of_the_women_have_cancer_whatever_their_age_density_and_machine() -> None:
    drawn = draw_women(PhantomSettings(women=600, seed=0))
    table = pd.DataFrame(
        {
            "ill": any(breast.lesion for breast in woman.breasts),
            "age": woman.traits.age,
            "is_dense": woman.traits.density in "CD",
            "is_birch": woman.traits.machine == "Birch 2",
            "is_second_site": woman.traits.site == "site 2",
        }
        for woman in drawn
    )
    assert table["ill"].sum() == 200
    ill, well = (table[table["ill"] == value].mean() for value in (True, False))
    assert ill["age"] == pytest.approx(well["age"], abs=2.0)  # years; the spread is 9
    for share in ("is_dense", "is_birch", "is_second_site"):
        assert ill[share] == pytest.approx(well[share], abs=0.11)


@pytest.mark.parametrize("kind", LesionKind)
@pytest.mark.parametrize("view", VIEWS)
def test_what_the_lesion_adds_most_lies_in_its_box(
    women: list[Woman], kind: LesionKind, view: View
) -> None:
    breast = next(b for b in ill_breasts(women) if b.lesion and b.lesion.kind is kind)
    lit = render_view(breast, view, SIZE)
    dark = render_view(replace(breast, lesion=None), view, SIZE)
    assert lit.box is not None
    assert dark.box is None
    row, column = np.unravel_index((lit.pixels - dark.pixels).argmax(), SIZE)
    assert lit.box.y0 - 1 <= row <= lit.box.y1 + 1
    assert lit.box.x0 - 1 <= column <= lit.box.x1 + 1


@pytest.mark.slow
def test_in_both_views_a_lesion_lies_as_far_behind_the_nipple(women: list[Woman]) -> None:
    """CC and MLO differ in the beam's direction, not in the distance from the chest wall."""
    depths = []
    for breast in ill_breasts(women):
        boxes = [render_view(breast, view, SIZE).box for view in VIEWS]
        middles = [(box.x0 + box.x1) / 2 for box in boxes if box]
        is_right = breast.side is Laterality.RIGHT
        depths.append([SIZE[1] - x if is_right else x for x in middles])
    across = np.array(depths)
    assert np.abs(across[:, 0] - across[:, 1]).max() <= 12  # of 128 columns
    assert np.corrcoef(across.T)[0, 1] > 0.9


@pytest.mark.slow
def test_grey_levels_alone_tell_nothing_of_the_lesion(women: list[Woman]) -> None:
    """An ill breast is drawn twice, with and without: the pair differs in place, not in levels."""
    statistics, labels = [], []
    for breast in ill_breasts(women):
        for lesion in (breast.lesion, None):
            pixels = render_view(replace(breast, lesion=lesion), View.CC, SIZE).pixels
            tissue = pixels[pixels > 0.05]
            statistics.append([tissue.mean(), tissue.std(), *np.percentile(tissue, [50, 95, 99])])
            labels.append(lesion is not None)
    for column in np.array(statistics).T:
        assert 0.4 <= roc_auc_score(labels, column) <= 0.6


def test_the_breasts_of_a_woman_are_more_alike_than_those_of_two(women: list[Woman]) -> None:
    def outline(breast: Breast) -> np.ndarray:
        pixels = render_view(breast, View.CC, SIZE).pixels
        upright = pixels[:, ::-1] if breast.side is Laterality.RIGHT else pixels
        return np.asarray(upright > 0.02)

    outlines = [[outline(breast) for breast in woman.breasts] for woman in women[:12]]
    own = np.mean([np.mean(right != left) for right, left in outlines])
    others = np.mean([np.mean(a[0] != b[1]) for a in outlines for b in outlines if a is not b])
    assert own < 0.5 * others


def test_the_power_of_tissue_falls_with_the_third_power_of_frequency() -> None:
    field = power_law_noise((512, 512), 3.0, np.random.default_rng(0))
    power = np.abs(np.fft.fft2(field)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512)))
    band = (frequency > 0.02) & (frequency < 0.3)
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.1)


@pytest.mark.parametrize("syntax", Syntax)
def test_a_dicom_of_a_phantom_is_read_as_it_was_drawn(
    women: list[Woman], syntax: Syntax, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    machines = {breast.machine.name: (woman, breast) for woman in women for breast in woman.breasts}
    for woman, breast in machines.values():
        rendering = render_view(breast, View.MLO, SIZE)
        header = header_of(woman, breast, View.MLO, uid_seed="t")
        content = encode_dicom(rendering, header, syntax)
        mammogram = read_mammogram(content)
        assert (mammogram.ref.side, mammogram.ref.view) == (breast.side, View.MLO)
        np.testing.assert_allclose(mammogram.pixels, rendering.pixels, atol=0.01)


@pytest.mark.slow
def test_the_samples_are_seven_small_files_with_their_truth(tmp_path: Path) -> None:
    write_samples(tmp_path)
    manifest = check_manifest(pd.read_csv(tmp_path / "manifest.csv"))
    assert len(manifest) == 7
    assert all((tmp_path / path).is_file() for path in manifest["path"])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 6e6


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"women": 0}, "number of women is 0"),
        ({"size": (8, 8)}, "Image size is 8 x 8"),
        ({"lesion_contrast": 0.0}, "Lesion contrast is 0.0"),
    ],
)
def test_settings_that_cannot_be_drawn_are_named(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        replace(PhantomSettings(women=1, seed=0), **change).check()
