from pathlib import Path
from typing import Any

import pytest
import yaml
from training_toys import toy_recipe

from vidpose.errors import VidposeError
from vidpose.recipes import shipped
from vidpose.training.recipe import model_config, read_recipe, summary, to_yaml

PLAIN = """
model: {kind: movenet-single, config: {variant: lightning, side: 192}}
data:
  train: [{dataset: posetrack18, split: train}, {dataset: coco, split: train}]
optimizer: {lr: 5e-4}
epochs: 3
batch_size: 8
variants:
  short: {epochs: 1, optimizer: {kind: adam}}
  one: {data: {train: [{dataset: lsp, split: train}]}}
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    (path := tmp_path / "plain.yaml").write_text(PLAIN)
    return path


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_and_variant_needs_only_the_data_root(name: str) -> None:
    rows = yaml.safe_load(to_yaml(read_recipe(name)))
    assert rows["description"] and rows["variants"] == {}
    assert name in summary(name)
    text = summary(name)
    for row in text.partition("--variant ")[2].split(" | ") if "--variant" in text else []:
        recipe = read_recipe(name, row, ["data.root=/data"])
        model_config(recipe)
        for split in (*recipe.data.train, *recipe.data.validation):
            assert recipe.data.folder(split) == Path("/data")


def test_a_variant_merges_sections_and_replaces_lists(plain: Path) -> None:
    base, short, one = (read_recipe(plain, row) for row in (None, "short", "one"))
    assert (short.epochs, short.optimizer.kind, short.optimizer.lr) == (1, "adam", 5e-4)
    assert [split.dataset for split in one.data.train] == ["lsp"]
    assert base.model == one.model and base.epochs == 3


def test_overrides_come_last_and_reach_into_lists_and_missing_sections(plain: Path) -> None:
    recipe = read_recipe(
        plain,
        "short",
        [
            "epochs=7",
            "data.train.1.split=val",
            "optimizer.betas=[0.8, 0.9]",
            "schedule.warmup_steps=5",
            "augmentation.scale=[0.9, 1.1]",
            "ema=0.99",
        ],
    )
    assert recipe.epochs == 7 and recipe.ema == 0.99
    assert recipe.data.train[1].split == "val"
    assert recipe.optimizer.betas == (0.8, 0.9)
    assert recipe.schedule.warmup_steps == 5
    assert recipe.augmentation is not None and recipe.augmentation.scale == (0.9, 1.1)


def test_what_the_file_lacks_may_come_from_the_command_line(plain: Path) -> None:
    text = PLAIN.replace("epochs: 3\n", "").replace("variant: lightning, side: 192", "side: 192")
    plain.write_text(text)
    with pytest.raises(VidposeError, match="epochs: Field required"):
        read_recipe(plain)
    assert read_recipe(plain, overrides=["epochs=4"]).epochs == 4
    assert read_recipe(plain, "short").epochs == 1
    plain.write_text(text + "  bad: {optimizer: {decay: 3}}\n")
    with pytest.raises(VidposeError, match=r"variant bad: unknown key optimizer\.decay"):
        read_recipe(plain, overrides=["epochs=4"])


def test_a_resolved_recipe_reads_back_as_itself(plain: Path, tmp_path: Path) -> None:
    recipe = read_recipe(plain, "one", ["augmentation={}", "data.root=/data"])
    (again := tmp_path / "again.yaml").write_text(to_yaml(recipe))
    assert read_recipe(again) == recipe


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epoch=3", ["unknown key epoch;", "did you mean epochs?"]),
        ("optimizer.lrr=1", ["optimizer.lrr", "did you mean optimizer.lr?"]),
        ("optimiser.lr=1", ["optimiser", "did you mean optimizer?"]),
        ("data.train.1.spilt=val", ["data.train.1.spilt", "did you mean data.train.1.split?"]),
        ("warmup_steps=3", ["did you mean schedule.warmup_steps?"]),
        ("model.config.variante=x", ["model.config.variante", "mean model.config.variant?"]),
        ("augmentation.rotate=3", ["did you mean augmentation.rotation?"]),
        ("optimizer.crop=3", ["here may stand: kind, lr, weight_decay"]),
        ("optimizer.qqqq=3", ["optimizer.qqqq", "here may stand: kind, lr, weight_decay"]),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(
    plain: Path, override: str, words: list[str]
) -> None:
    with pytest.raises(VidposeError) as caught:
        read_recipe(plain, overrides=[override])
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


def test_an_unknown_key_in_a_variant_that_is_not_asked_for_is_found(plain: Path) -> None:
    plain.write_text(PLAIN + "  bad: {optimizer: {decay: 3}}\n")
    with pytest.raises(VidposeError, match=r"variant bad: unknown key optimizer\.decay"):
        read_recipe(plain, "short")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epochs", "key=value"),
        ("=3", "key=value"),
        ("epochs=[", "not a YAML value"),
        ("epochs=2001-13-45", "not a YAML value"),
        ('epochs=!!int "abc"', "not a YAML value"),
        ("epochs=!!int", "not a YAML value"),
        ("epochs=!!bool perhaps", "not a YAML value"),
        ("epochs=!!timestamp soon", "not a YAML value"),
        (r'epochs="\UFFFFFFFF"', "not a YAML value"),
        pytest.param("epochs=" + "9" * 5000, "not a YAML value", id="many digits"),
        pytest.param("epochs=" + "[" * 20_000, "not a YAML value", id="many brackets"),
        ("published=&a {x: *a}", "not a YAML value"),
        ("published={a: 1, a: 2}", "not a YAML value"),
        ("epochs=0", "epochs: Input should be greater"),
        ("epochs.x=1", "epochs is a value"),
        ("data.train.2.split=val", "data.train is a list of 2"),
        ("data.train.x=val", "data.train is a list of 2"),
        ("data.train=[]", "data.train"),
        ("model.kind=heat", "there are: "),
        ("model.config.variant=big", "model.config.variant"),
        ("schedule.kind=step", "milestones"),
        ("schedule={kind: step, milestones: [3, 2]}", "milestones rise"),
        ("schedule.milestones=[1]", "milestones"),
        ("cache.folder=/tmp/x", "freeze_backbone"),
        ("optimizer.lr=fast", "optimizer.lr"),
        ("batch_size=8.5", "batch_size"),
        ("optimizer.betas=[2, 3]", "optimizer.betas.0: Input should be less than 1"),
        ("optimizer.lr=1e300", "optimizer.lr: Input should be less than or equal"),
        ("optimizer.weight_decay=1e300", "optimizer.weight_decay"),
        ("schedule={kind: step, milestones: [1], gamma: 1e300}", "schedule.gamma"),
        ("model={kind: heatmap-single, config: {sigma: 1e308}}", "model.config.sigma: Input"),
        ("optimizer.lr=.inf", "optimizer.lr: Input should be a finite number"),
        (
            "augmentation={rotation_std: .inf}",
            "augmentation.rotation_std: Input should be a finite",
        ),
        ("augmentation={scale: [0.5, 1e9]}", "augmentation.scale.1: Input should be less than"),
        ("seed=99999999999999999999999", "seed"),
        ("seed=-1", "seed"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_place(plain: Path, override: str, words: str) -> None:
    with pytest.raises(VidposeError) as caught:
        read_recipe(plain, overrides=[override])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "mapping"),
        ("- 1", "mapping"),
        ("a: [", "not YAML"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
        ("epochs: 1\nepochs: 2", "stands twice"),
        ("&a {description: x, variants: {v: *a}}", "recursive"),
        ("epochs: 1", "model: Field required"),
        ("{}", "model: Field required"),
        ("? [1, 2]\n: 3", "not YAML"),
        ("model: 2001-13-45", "not YAML: month must be in 1..12"),
        ('epochs: !!int "abc"', "not YAML"),
        pytest.param("epochs: " + "9" * 5000, "not YAML", id="many digits"),
        pytest.param("[" * 20_000, "not YAML", id="many brackets"),
    ],
)
def test_a_file_that_is_no_recipe_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (path := tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(VidposeError) as caught:
        read_recipe(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_or_variant_lists_what_there_is(plain: Path) -> None:
    with pytest.raises(VidposeError, match="heatmap-resnet50"):
        read_recipe("heatmap")
    with pytest.raises(VidposeError, match="short, one"):
        read_recipe(plain, "long")


def test_a_dataset_without_a_folder_says_how_to_give_one(plain: Path) -> None:
    data = read_recipe(plain).data
    with pytest.raises(VidposeError, match=r"--set data\.root=FOLDER"):
        data.folder(data.train[0])
    own: Any = toy_recipe(
        data={"root": "/a", "train": [{"dataset": "x", "split": "y", "root": "/b"}]}
    )
    assert own.data.folder(own.data.train[0]) == Path("/b")
