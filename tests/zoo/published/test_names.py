"""Every name in an author's file is accounted for, what is saved twice or not used as well. Names
and shapes count here: all weights are one and the same nought.
"""

from collections.abc import Callable, Sequence
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from mammo_core.errors import CheckpointError
from mammo_core.inference.published import account
from mammo_core.zoo.published.networks.gmic import Gmics
from mammo_core.zoo.published.networks.nyu import Nyu
from mammo_core.zoo.published.networks.petrini import Petrini
from tests.zoo.published import made

State = dict[str, Tensor]
FULL = "two_views_clf.single_clf_full."


@cache
def pair_of(kind: str) -> made.PetriniPair:
    return made.PetriniPair(kind)


def gmic_file() -> State:
    return dict(made.GmicNet().state_dict())


def nyu_views_file() -> State:
    return made.nyu_file(made.ViewNet(0), made.ViewNet(0), made.nyu_heads(is_by_view=True))


def nyu_trunk() -> nn.Module:
    return Nyu(cc_window=(267, 194), mlo_window=(297, 175), is_by_view=True)


#: What makes the network here, what its authors' file holds, and how many names that has.
LAYOUTS: dict[str, tuple[Callable[[], nn.Module], Callable[[], State], int]] = {
    "gmic": (lambda: Gmics(1), gmic_file, 258),
    "nyu": (nyu_trunk, nyu_views_file, 794),
    "petrini 2021": (
        lambda: Petrini("2021", views=2),
        lambda: made.petrini_pair_file("2021", pair_of("2021")),
        812,
    ),
    "petrini by patches": (
        lambda: Petrini("cbis", views=2),
        lambda: made.petrini_pair_file("cbis", pair_of("cbis")),
        1236,
    ),
    "petrini direct": (
        lambda: Petrini("cbis", views=2),
        lambda: made.petrini_direct_pair_file(pair_of("cbis")),
        1810,
    ),
}


@cache
def laid_out(layout: str) -> tuple[nn.Module, tuple[tuple[str, Tensor], ...]]:
    make, file, _ = LAYOUTS[layout]
    with torch.device("meta"):
        trunk, table = make(), file()
    return trunk, tuple((name, nought(value.shape)) for name, value in table.items())


def nought(shape: Sequence[int]) -> Tensor:
    return torch.zeros(()).expand(tuple(shape))


def taken_over(layout: str, change: Callable[[State], object] = lambda table: None) -> State:
    """What comes of such a file after `change`."""
    trunk, rows = laid_out(layout)
    table = dict(rows)
    change(table)
    state = trunk.translate([table])
    account(state, trunk.state_dict(), title=layout)
    return state


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_in_the_authors_layout_is_taken_over_whole(layout: str) -> None:
    trunk, rows = laid_out(layout)
    assert len(rows) == LAYOUTS[layout][2]
    assert taken_over(layout).keys() == trunk.state_dict().keys()


def add(name: str, *shape: int) -> Callable[[State], None]:
    def change(table: State) -> None:
        assert name not in table
        table[name] = nought(shape)

    return change


def reshape(name: str, *shape: int) -> Callable[[State], None]:
    def change(table: State) -> None:
        assert name in table
        table[name] = nought(shape)

    return change


def lose(name: str) -> Callable[[State], None]:
    return lambda table: table.pop(name)


def alter(name: str) -> Callable[[State], None]:
    def change(table: State) -> None:
        table[name] = table[name] + 1

    return change


def lose_all(prefix: str) -> Callable[[State], None]:
    def change(table: State) -> None:
        for name in [name for name in table if name.startswith(prefix)]:
            del table[name]

    return change


TWO = "two weights for one place"
TWICE = "saved twice, and differs"
UNUSED = "that is not used here is not as"


@pytest.mark.parametrize(
    ("layout", "change", "says"),
    [
        ("gmic", add("ds_net.zz.0.0.bn1.weight", 16), TWO),
        ("gmic", add("module.fusion_dnn.bias", 2), TWO),
        ("gmic", add("saliency.weight", 2, 256, 1, 1), TWO),
        ("nyu", add("cc.final_bn.bias", 256), TWO),
        ("nyu", lose("four_view_resnet.r_mlo.final_bn.bias"), TWICE),
        ("nyu", lose_all("four_view_resnet.r_mlo."), TWICE),
        ("nyu", add("four_view_resnet.l_cc.more.weight", 2), TWICE),
        ("petrini 2021", lose(f"{FULL}feature_extractor._bn0.weight"), TWICE),
        ("petrini 2021", lose_all(FULL), TWICE),
        ("petrini 2021", alter(f"{FULL}feature_extractor._bn0.weight"), TWICE),
        ("petrini 2021", alter(f"{FULL}feature_extractor._fc.bias"), TWICE),
        ("petrini 2021", lose_all(f"{FULL}top_layer."), UNUSED),
        ("petrini 2021", add(f"{FULL}top_layer.more.weight", 2), UNUSED),
        ("petrini 2021", reshape(f"{FULL}top_layer.fc.bias", 3), UNUSED),
        ("petrini 2021", add("extractor.net.bn1.weight", 32), TWO),
        ("petrini 2021", add(f"{FULL}fc.weight", 2, 2560), r"does not have .*single_clf_full\.fc"),
        ("petrini by patches", add("two_views_clf.feature_extractor.0.0.0.weight", 40, 3, 3, 3),
         "does not have"),
        ("petrini direct", reshape(f"{FULL}feature_extractor.classifier.1.bias", 3), UNUSED),
        ("petrini direct", add(f"{FULL}feature_extractor.classifier.7.bias", 2), UNUSED),
        ("petrini direct", lose("two_views_clf.feature_extractor.0.0.0.weight"), TWICE),
        ("petrini direct", lose_all("two_views_clf.feature_extractor."), TWICE),
        ("petrini direct", alter(f"{FULL}feature_extractor.features.0.0.weight"), TWICE),
    ],
)  # fmt: skip
def test_a_name_too_many_or_too_few_is_refused_wherever_it_lies(
    layout: str, change: Callable[[State], object], says: str
) -> None:
    with pytest.raises(CheckpointError, match=says):
        taken_over(layout, change)


def test_counters_of_batches_may_be_lacking_everywhere() -> None:
    def change(table: State) -> None:
        for name in [name for name in table if name.endswith("num_batches_tracked")]:
            del table[name]

    for layout in LAYOUTS:
        assert taken_over(layout, change)
