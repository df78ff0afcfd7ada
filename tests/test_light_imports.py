"""What models, data and training may be imported without: codecs, command line, loggers."""

import subprocess
import sys

import pytest

# Runs in a fresh interpreter in which only these and what they themselves require can be found.
SCRIPT = """
import importlib, pkgutil, re, sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

ALLOWED = ["torch", "numpy", "scipy", "opencv-python-headless", "safetensors", "accelerate",
           "pyyaml", "pydantic", "jaxtyping"]
NEVER = {"av", "cyclopts", "rich", "tensorboard", "vidpose"}

def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()

needed, waiting = set(), list(ALLOWED)
while waiting:
    name = normal(waiting.pop())
    if name in needed or name in NEVER:
        continue
    needed.add(name)
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        continue
    waiting += [re.match(r"[\\w.-]+", line)[0] for line in lines if "extra ==" not in line]
hidden = {
    top
    for top, owners in packages_distributions().items()
    if top != "vidpose" and not {normal(owner) for owner in owners} & needed
}
assert {"av", "cyclopts", "rich"} <= hidden, hidden

class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            return None
        return self.finder.find_spec(name, path, target)

sys.meta_path = [Without(f) if hasattr(f, "find_spec") else f for f in sys.meta_path]
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
loaded = hidden & set(sys.modules)
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    "package", ["models", "backbones", "heads", "datasets", "synth", "training", "evaluation"]
)
def test_imports_need_neither_codecs_nor_command_line(package: str) -> None:
    command = [sys.executable, "-c", SCRIPT, f"vidpose.{package}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
