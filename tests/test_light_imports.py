"""What models, data and training may be imported without: codecs, command line, loggers."""

import subprocess
import sys

# Runs in a fresh interpreter in which only these and what they themselves require can be found.
SCRIPT = """
import importlib, os, pkgutil, re, sys
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
# What all of them need is imported once; each package then has a process of its own.
import torch
for name in sys.argv[1:]:
    if not os.fork():
        break
else:
    sys.exit(any([os.waitstatus_to_exitcode(os.wait()[1]) for _ in sys.argv[1:]]))
package = importlib.import_module(name)
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
loaded = hidden & set(sys.modules)
assert not loaded, (name, loaded)
"""
PACKAGES = ["models", "backbones", "heads", "datasets", "synth", "training", "evaluation"]


def test_imports_need_neither_codecs_nor_command_line() -> None:
    command = [sys.executable, "-c", SCRIPT, *(f"vidpose.{package}" for package in PACKAGES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_modules_are_attributes_of_the_package() -> None:
    asked = (
        "import vidpose; vidpose.export.load; vidpose.convert.convert; "
        "assert not hasattr(vidpose, 'nothing')"
    )
    subprocess.run([sys.executable, "-c", asked], check=True)
