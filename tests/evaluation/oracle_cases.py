"""The oracle cases as the files they were, and as labels."""

import gzip
import json
from pathlib import Path
from typing import Any

from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.posetrack import parse_posetrack

FOLDER = Path(__file__).parents[1] / "data" / "posetrack_ap"
CASES = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))


def load(case: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        gzip.decompress((FOLDER / f"{case}.json.gz").read_bytes())
    )
    return document


def labels(files: dict[str, Any]) -> list[SequenceLabels]:
    return [
        each for name, content in files.items() for each in parse_posetrack(content, Path(name))
    ]
