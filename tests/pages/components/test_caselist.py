"""What stands beside the rows of the case list, which the browser draws (tests/e2e)."""

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.listing import ListedCase
from pages.components.shared import cached
from pages.components.shared.caselist.origin import with_others
from tests.datasets.builders import drawn
from tests.pages.listed import listed_cases
from tests.pages.test_read import a_breast


def page_of_images(count: int) -> None:
    from pathlib import Path

    import pandas as pd

    from mammo_core.datasets.adapters.layout import empty_boxes
    from mammo_core.datasets.dataset import Dataset, get_adapter
    from mammo_core.tables import check_manifest
    from pages.components.data.dataset import show_images

    ids = [f"i{number}" for number in range(count)]
    adapter = get_adapter("csv_folder")
    dataset = Dataset(
        root=Path("nowhere"),
        adapter=adapter,
        label_rule=adapter.label_rules[0],
        manifest=check_manifest(pd.DataFrame({"image_id": ids, "path": ids})),
        boxes=empty_boxes(),
    )
    show_images(dataset)


def test_of_more_images_than_a_list_holds_all_are_found_above_it_and_the_list_says_so(
    runs_root: Path,
) -> None:
    page = AppTest.from_function(page_of_images, args=(20_001,), default_timeout=60).run()
    assert not page.exception
    assert len(listed_cases(page)) == 20_000
    told = "The first 20,000 of 20,001 cases are listed; search, filters"
    assert any(told in one.value for one in page.caption)
    page.text_input(key="images_called").set_value("I2000").run()
    assert [case["key"] for case in listed_cases(page)] == ["i2000", "i20000"]
    assert not any("are listed" in one.value for one in page.caption)


def page_of_panel(folder: str) -> None:
    from pathlib import Path

    from mammo_core.datasets.dataset import read_dataset
    from mammo_core.files import shipped_checkpoints_root
    from mammo_core.runs.folder import RunFolder
    from pages.components.shared.caselist.origin import CaseSource
    from pages.components.shared.caselist.panel import images_listing, show_cases_panel

    dataset = read_dataset(Path(folder), "csv_folder", "as-written")
    run = RunFolder(shipped_checkpoints_root() / "phantom-light")
    source = CaseSource(page="data", dataset=dataset, run=run)
    show_cases_panel(images_listing(dataset.manifest, source, threshold=None), key="panel")


def test_where_a_model_does_not_know_such_images_the_toggle_for_its_heatmap_says_so(
    runs_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.png").write_bytes(a_breast(is_marked=False))
    (folder / "manifest.csv").write_text("image_id,path,label\na,a.png,1\n", encoding="utf-8")
    page = AppTest.from_function(page_of_panel, args=(str(folder),), default_timeout=60)
    page.query_params["panel_open"] = "a"
    page.run()
    assert not page.exception
    assert not page.info
    page.toggle(key="panel_heat").set_value(True).run()
    assert not page.exception
    assert "This model has only seen synthetic images" in page.info[0].value


def test_with_the_rest_of_an_exam_goes_the_truth_of_the_listed_image_as_of_that_one_alone(
    runs_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "pages.components.shared.caselist.panel.open_in_read",
        lambda *_, listed, **__: told.append(listed.truth),
    )
    for name, women in (("exam", "w,w"), ("apart", "w,v")):
        folder = tmp_path / name
        folder.mkdir()
        lines = ["image_id,path,label,patient_id"]
        for one, woman, label in zip("ab", women.split(","), "01", strict=True):
            (folder / f"{one}.png").write_bytes(a_breast(is_marked=False))
            lines.append(f"{one},{one}.png,{label},{woman}")
        (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        page = AppTest.from_function(page_of_panel, args=(str(folder),), default_timeout=60)
        page.query_params["panel_open"] = "a"
        page.run().button(key="panel_read").click().run()
        assert not page.exception
    of_exam, of_one = told
    assert of_one
    assert of_exam == f"{of_one} (a alone)"
    listed = ListedCase(key="a", title="a", truth="cancer", is_positive=True)
    assert with_others(listed).is_positive is None


def page_clicked_as_pictures_were_asked_for() -> None:
    import streamlit as st

    from mammo_core.listing import ListedCase
    from pages.components.shared.caselist.caselist import _bring_pictures, _hear, show_case_list

    runs = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    if runs == 1:  # the browser sent both at once, and only the pictures' fragment is run
        act = {"acts": [{"kind": "open", "key": "a", "at": 1}], "view": ""}
        st.session_state["cases"] = type("State", (), {"act": act})
        _hear("cases", {"a"}, None)
        del st.session_state["cases"]
        _bring_pictures("cases", {"a"}, None, (None, ""))
    else:
        opened = show_case_list([ListedCase(key="a", title="A")], key="cases", thumbnails=None)
        st.text(f"opened {opened}")


def test_a_click_that_reached_only_the_pictures_is_answered_by_the_page() -> None:
    page = AppTest.from_function(page_clicked_as_pictures_were_asked_for, default_timeout=60).run()
    assert not page.exception
    assert [text.value for text in page.text] == ["opened a"]
    assert page.session_state["runs"] == 2


def test_a_picture_is_small_anew_once_its_image_was_written_anew_or_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    image = tmp_path / "a.png"
    assert cached.picture(str(tmp_path), "a.png", side=96) is None
    seen = []
    for number in (1, 2):
        drawn.write_picture(image, drawn.texture(number, (200, 100)))
        os.utime(image, ns=(number, number))  # however coarse the clock of the disk
        seen.append(cached.picture(str(tmp_path), "a.png", side=96))
    assert None not in seen
    assert seen[0] != seen[1]
