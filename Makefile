# Needs Python 3.11 to 3.13 and make. Each environment is made on first use, in the versions of constraints.txt.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# A file of tests stays in one process: what its tests share is made once.
PARALLEL := --numprocesses 2 --dist loadfile

# Makes the environment whose file `ready` is the target, of what INSTALL says for it.
define environment
@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14) and "eyespot needs Python 3.11 to 3.13, this is %d.%d; say make PYTHON=..." % v[:2])'
@echo "Making the environment in $(@D); this takes a minute or three."
$(PYTHON) -m venv $(@D)
$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(INSTALL)
@touch $@
endef

.PHONY: demo
demo: $(VENV)-demo/ready
	$(VENV)-demo/bin/python -m tests.demo

.PHONY: test
test: $(READY) lint
	$(BIN)/pytest $(PARALLEL) -m "not arm64"

.PHONY: check
check: $(READY) lint
	$(BIN)/pytest $(PARALLEL) -m "not slow and not arm64"

.PHONY: lint
lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The edge room as a Raspberry Pi's processor, emulated; what it needs beside .venv is fetched into .arm64.
.PHONY: test-arm64
test-arm64: $(READY)
	@$(BIN)/python -m tests.arm64.root
	$(BIN)/pytest tests/arm64 -m arm64

# The site, in site/; and the pictures of the README and the docs, from what the commands print.
.PHONY: docs
docs: $(READY)
	$(BIN)/mkdocs build --strict

.PHONY: pictures
pictures: $(READY)
	$(BIN)/python -m docs.pictures

# A source archive, and the wheel that is made of it, in dist/.
.PHONY: dist
dist: $(READY)
	$(BIN)/python -m build

.PHONY: bench
bench: $(READY)
	$(BIN)/python -m tests.benchmarks.all

# The reliability suite: under 20 minutes, ten of them one load. SOAK='--load-s 60 --seed 1' for another.
.PHONY: soak
soak: $(READY) $(VENV)-soak/ready
	$(BIN)/python -m tests.soak --schemathesis $(VENV)-soak/bin/schemathesis $(SOAK)

.PHONY: clean
clean:
	rm -rf $(VENV) $(VENV)-demo $(VENV)-soak .arm64 .benchmarks build demo dist site

$(READY): INSTALL = -c constraints.txt -e '.[cpu,export,training,serving,ray,dev]'
$(READY): pyproject.toml constraints.txt
	$(environment)

$(VENV)-demo/ready: INSTALL = -c constraints.txt -e '.[cpu,training,serving]' scikit-image
$(VENV)-demo/ready: pyproject.toml constraints.txt
	$(environment)

$(VENV)-soak/ready: INSTALL = -r tests/soak/requirements.txt
$(VENV)-soak/ready: tests/soak/requirements.txt
	$(environment)
