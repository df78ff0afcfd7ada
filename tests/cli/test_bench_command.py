"""`vidpose bench`: the table, the record, and what it refuses."""

import json
from pathlib import Path

import pytest
import torch

from vidpose import extras
from vidpose.cli.bench import bench
from vidpose.errors import VidposeError
from vidpose.models import registry
from vidpose.models.dsta import DSTAConfig


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    config = DSTAConfig(backbone="resnet18", size=(64, 64), offsets=(-1, 0, 1))
    file = tmp_path / "tiny.safetensors"
    registry.save(config.build(), config, file)
    return str(file)


def test_every_step_of_torch_is_a_row_and_a_record(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench.json"
    threads = torch.get_num_threads()
    bench(checkpoint, runtimes="torch", repeat=2, json=out)
    torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    record = json.loads(out.read_text())
    rows = [(row["runtime"], row["precision"], row["step"]) for row in record["rows"]]
    steps = ("clip", "stream", "encode", "aggregate")
    assert rows == [("torch", precision, step) for precision in ("fp32", "bf16") for step in steps]
    for row in record["rows"]:
        assert len(row["milliseconds"]) == 2 and min(row["milliseconds"]) > 0
        assert row["macs"] > 0 and row["peak"] > 0
    assert record["frames"] == 3
    assert max(record["kernels"].values()) > 1
    assert record["machine"]["versions"]["torch"] == torch.__version__
    assert "tiny.safetensors, clips of 3" in printed and "1.0x" in printed


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_rows_say_so(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    bench(checkpoint, runtimes="torch,cuda-graphs,onnx", device="cuda", repeat=1)
    printed = capsys.readouterr().out
    assert printed.count("no CUDA device") == 4
    assert "runs on the CPU" in printed


def test_a_hint_keeps_its_brackets(
    checkpoint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    bench(checkpoint, runtimes="openvino", repeat=1)
    words = " ".join(capsys.readouterr().out.split())  # the table may wrap it
    assert "pip install 'vidpose[openvino]'" in words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runtimes": "tensorrt"}, "no runtime 'tensorrt': choose from torch"),
        ({"runtimes": " ,"}, "names no runtime"),
        ({"json": Path("nowhere/bench.json")}, "no folder nowhere"),
        ({"json": Path()}, "it is a folder"),
    ],
)
def test_what_it_cannot_do_it_says_before_it_measures(
    checkpoint: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(VidposeError, match=words):
        bench(checkpoint, **options)  # type: ignore[arg-type]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(VidposeError, match="no model named 'nobody'"):
        bench("nobody")
