# One stamp stands for an installed environment; it is renewed when what it was installed from changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= outputs/clip.mp4

.DEFAULT_GOAL := help
.PHONY: help setup demo clip test lint check prove bench clean
APP ?=

help:  ## Show what can be made.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## Create .venv and install everything.

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V); set PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt \
		--editable . --requirement requirements-dev.txt
	@touch $@

demo: $(STAMP)  ## Open the studio on the embedded checkpoint; APP="--no-browser --port 8000" are its flags.
	$(BIN)/motionstream app $(APP)

clip: $(STAMP)  ## Make a video: the bundled photograph follows a recorded drag.
	$(BIN)/motionstream generate --image examples/coffee.jpg --provider drag --script examples/coffee-drag.json \
		--prompt "a cup of coffee slides over a wooden table" --num-frames 81 --seed 0 --overlay --out $(OUT)

test: $(STAMP)  ## Run all tests.
	$(BIN)/python -m pytest

lint: $(STAMP)  ## Lint, format, types, import contracts.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## All of it: lint and tests.

prove: $(STAMP)  ## Measure the embedded checkpoint: held-out clips, two drags, photographs.
	$(BIN)/motionstream evaluate checkpoints/tiny

bench: $(STAMP)  ## Measure speed, stage by stage.
	$(BIN)/motionstream bench

clean:  ## Remove the environment and caches, never weights or videos.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
