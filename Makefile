# Needs Python 3.11 to 3.13 and make; the rest is installed into .venv, in the versions of constraints.txt.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# A file of tests stays in one process: what its tests share is made once.
PARALLEL := --numprocesses 2 --dist loadfile

.PHONY: demo test test-arm64 check bench soak clean

demo: $(READY)
	$(BIN)/python tests/demo.py

test: $(READY) lint
	$(BIN)/pytest $(PARALLEL) -m "not arm64"

# The edge room as a Raspberry Pi's processor, emulated; what it needs beside .venv is fetched into .arm64.
test-arm64: $(READY)
	@$(BIN)/python -m tests.arm64.root
	$(BIN)/pytest tests/arm64 -m arm64

check: $(READY) lint
	$(BIN)/pytest $(PARALLEL) -m "not slow and not arm64"

.PHONY: lint
lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python tests/benchmarks/all.py

# The reliability suite: under 20 minutes, ten of them one load. SOAK='--load-s 60 --seed 1' for another.
soak: $(READY) $(VENV)-soak/ready
	$(BIN)/python -m tests.soak --schemathesis $(VENV)-soak/bin/schemathesis $(SOAK)

$(VENV)-soak/ready: tests/soak/requirements.txt
	$(PYTHON) -m venv $(VENV)-soak
	$(VENV)-soak/bin/python -m pip install --quiet --disable-pip-version-check -r tests/soak/requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-soak .arm64 .benchmarks demo

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14) and "eyespot needs Python 3.11 to 3.13, this is %d.%d; say make PYTHON=..." % v[:2])'
	@echo "Making the environment in $(VENV); this takes a minute or three."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,export,training,serving,ray,dev]'
	@touch $@
