"""What OpenVINO's packages would tell Google Analytics of their use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# As `vidpose run` and `vidpose export --precision int8` begin; in a process of its own, for NNCF
# reports nothing where pytest is.
USE = """
import importlib, sys
from vidpose.export.unreported import unreported
for name in sys.argv[1:]:
    assert unreported(name) is importlib.import_module(name)
assert "openvino_telemetry.main" not in sys.modules, "reports"
sys.modules.pop("openvino_telemetry", None)
import openvino_telemetry  # others may
"""


@pytest.mark.parametrize("packages", [["openvino"], ["nncf", "openvino"]])
def test_nothing_is_reported_and_the_home_stays_clean(packages: list[str], tmp_path: Path) -> None:
    for package in packages:
        pytest.importorskip(package)
    home = tmp_path / "home"
    home.mkdir()
    # In CI they are silent anyhow.
    outside = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD")}
    done = subprocess.run(
        [sys.executable, "-c", USE, *packages],
        env=outside | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []
