from dataclasses import replace

from mammo_core.config import DataConfig, EvaluateConfig, ModelConfig, OptimConfig, RunConfig
from mammo_core.runs.card import settings_table

ONE = RunConfig(
    data=DataConfig(folder="women", adapter="phantom_set", label_rule="lesion"),
    model=ModelConfig(backbone="resnet18"),
)
OTHER = replace(ONE, seed=7, optim=OptimConfig(learning_rate=0.0003))


def test_only_what_differs_is_left_named_by_its_dots() -> None:
    table = settings_table({"one": ONE, "other": OTHER}, only_differences=True)
    assert table.to_dict("list") == {
        "setting": ["optim.learning_rate", "seed"],
        "one": ["0.001", "0"],
        "other": ["0.0003", "7"],
    }


def test_all_settings_are_told_as_text() -> None:
    table = settings_table({"one": ONE}, only_differences=False).set_index("setting")
    assert table.loc["prepare.size", "one"] == "[512, 256]"
    assert table.loc["model.backbone", "one"] == "resnet18"
    assert table.loc["data.is_official_split", "one"] == "true"


def test_runs_that_are_equal_have_no_differences() -> None:
    assert settings_table({"one": ONE, "twin": ONE}, only_differences=True).empty


def test_what_another_kind_of_run_lacks_is_a_dash() -> None:
    scored = EvaluateConfig(
        checkpoint="c", folder="women", adapter="phantom_set", label_rule="lesion"
    )
    table = settings_table({"one": ONE, "scored": scored}, only_differences=True)
    assert table.set_index("setting").loc["seed"].tolist() == ["0", "–"]
