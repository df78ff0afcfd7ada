"""`vidpose cost`: the table, and what it refuses."""

import re
from pathlib import Path

import pytest

from vidpose.cli.cost import cost
from vidpose.errors import VidposeError
from vidpose.models import registry
from vidpose.models.dsta import DSTAConfig


def cells(table: str) -> list[list[str]]:
    """The table's lines, header first, as cells."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_recipe_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    cost("dsta-resnet50", variant="two-neighbours")
    printed = capsys.readouterr().out
    header, _, row = cells(printed)
    found = dict(zip(header, row, strict=True))
    assert found["model"] == "dsta-resnet50 two-neighbours"
    assert (found["crop"], found["frames"]) == ("256x192", "3")
    assert (found["backbone"], found["embed"]) == ("4.004 G", "983.0 k")
    assert found["training only"] == "53.78 k"
    assert found["cache"] == "1.920 kB"
    assert "15 joints, 3 frames: 2025 and 180 pairs of tokens a layer (11.25" in printed


def test_what_a_recipe_freezes_is_not_trained(capsys: pytest.CaptureFixture[str]) -> None:
    cost("vremd")
    header, _, row = cells(capsys.readouterr().out)
    found = dict(zip(header, row, strict=True))
    assert (found["parameters"], found["trained"]) == ("428.9 M", "125.6 M")


def test_variants_of_the_data_are_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    cost("dsta-resnet152", all_variants=True)
    _, _, *rows = cells(capsys.readouterr().out)
    assert [row[0] for row in rows] == ["dsta-resnet152", "dsta-resnet152 one-frame"]


def test_kinds_shipped_models_and_checkpoints_are_rows_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = DSTAConfig(backbone="resnet18", size=(64, 64))
    checkpoint = tmp_path / "mine.safetensors"
    registry.save(config.build(), config, checkpoint)
    cost("dsta", "movenet-lightning", str(checkpoint))
    _, _, *rows = cells(capsys.readouterr().out)
    assert [row[0] for row in rows] == ["dsta", "movenet-lightning", str(checkpoint)]
    assert rows[2][1:3] == ["64x64", "5"]


def test_a_recipe_of_ones_own_is_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "model: {kind: dsta, config: {backbone: resnet18, size: [64, 64], offsets: [0]}}\n"
        "data: {train: [{dataset: posetrack18, split: train}]}\n"
        "optimizer: {lr: 1e-4}\nepochs: 1\nbatch_size: 1\n"
        "variants: {three: {model: {config: {offsets: [-1, 0, 1]}}}}\n"
    )
    cost(str(recipe), all_variants=True)
    _, _, *rows = cells(capsys.readouterr().out)
    assert [row[0] for row in rows] == [str(recipe), f"{recipe} three"]


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        (("dsta-resnet51",), {}, "no model named 'dsta-resnet51'"),
        (("dsta-resnet50",), {"variant": "three"}, "no variant 'three'"),
        (("dsta",), {"variant": "space"}, "dsta is no recipe"),
        (("dsta",), {"all_variants": True}, "dsta is no recipe"),
        ((), {"variant": "space"}, "belongs to one recipe"),
        (("missing.yaml",), {}, "no recipe or YAML file"),
    ],
)
def test_what_it_cannot_count_it_names(
    models: tuple[str, ...], options: dict[str, object], words: str
) -> None:
    with pytest.raises(VidposeError, match=words):
        cost(*models, **options)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["dsta", "vremd"])
def test_the_tables_of_the_docs_are_what_it_prints(
    page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "models" / f"{page}.md").read_text()
    command = re.search(r"<!-- vidpose cost (.*) -->\n", text)
    assert command is not None
    cost(*command[1].removesuffix(" --all-variants").split(), all_variants=True)
    table = capsys.readouterr().out.partition("\n\n")[0].strip()
    assert f"{command[0]}{table}\n" in text
