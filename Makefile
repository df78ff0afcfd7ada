# `make demo` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := examples/sports2d.mp4

.PHONY: help demo test test-all lint bench clean

help:
	@echo "make demo      install, run on the example clip, say where the results are"
	@echo "make test      install, check style and types, run the tests"
	@echo "make test-all  the slow tests as well"
	@echo "make bench     the pipeline's speed by stage and its memory"
	@echo "make clean     remove the environment and the demo's output"

# Torch goes first and pinned: left to itself pip would take the newest build for CUDA.
$(BIN)/vidpose: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; on Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "Python's venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@$(BIN)/python -c 'import av, cv2, torch' || \
		{ echo "A system library is missing; on Debian: apt-get install libgomp1 libglib2.0-0"; exit 1; }
	@touch $@

$(VENV)/.dev: $(BIN)/vidpose
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: $(BIN)/vidpose
	$(BIN)/vidpose run $(EXAMPLE) --model dsta-movenet --compare --out demo-poses --overwrite

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n auto

test-all: lint
	$(BIN)/pytest -n auto -m ""

bench: $(BIN)/vidpose
	$(BIN)/python benchmarks/pipeline.py $(EXAMPLE)
	$(BIN)/python benchmarks/memory.py $(EXAMPLE)

clean:
	rm -rf $(VENV) demo-poses
