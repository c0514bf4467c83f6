# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They need git, make and Python 3.11–3.13 with venv; PYTHON=... names another interpreter.

PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$name; break; }; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint bench models docs lock clean test-pi faults-deploy test-mcu fuzz mutants faults wheelhouse

demo: $(READY)
	$(BIN)/numbre-train
	$(BIN)/numbre-export --int8 --with-test-data
	$(BIN)/numbre-bench --bundle build/numbre-int8
	$(BIN)/numbre-predict --bundle build/numbre-int8 samples/*.png

test: $(READY) lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile
	$(BIN)/pytest --doctest-modules --quiet runtime/numbre_runtime train/numbre_train export/numbre_export teach/numbre_teach

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Every comparison on this machine, and the tables of README and docs/benchmarks.md; nothing else should run meanwhile. ONLY="latency peers" runs some.
ONLY ?=
bench: $(READY)
	$(BIN)/python benchmarks/run_all.py $(ONLY)

# Installs and runs the runtime on emulated Raspberry Pi boards; skips with a reason where they cannot be had.
test-pi: $(READY)
	PYTHONPATH=tests:benchmarks $(BIN)/python -m emulated.run

# Damaged inputs for every reader of untrusted bytes, all targets in turn; GUIDED=1: by atheris, towards code not yet reached.
MINUTES ?= 10
GUIDED ?=
fuzz: $(READY)
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --minutes $(MINUTES) $(if $(GUIDED),--guided) $(if $(ONLY),--only $(ONLY))

# Small changes to the modules that carry promises, and how many of them the tests notice; hours, so ONLY="npz" or SAMPLE=50.
SAMPLE ?=
mutants: $(READY)
	PYTHONPATH=tests $(BIN)/python -m mutants.run $(if $(ONLY),--only $(ONLY)) $(if $(SAMPLE),--sample $(SAMPLE))

# Export, train and bench with a fault at each system call that changes a file; hours, so ONLY="bench" or SAMPLE=20; needs strace.
faults: $(READY)
	PYTHONPATH=tests $(BIN)/python -m faults.run $(if $(ONLY),--only $(ONLY)) $(if $(SAMPLE),--sample $(SAMPLE))

# A thousand deployments that are killed, cut off, or find the disk full; takes an hour or two.
faults-deploy: $(READY)
	PYTHONPATH=tests:tests/deploy $(BIN)/python tests/deploy/deploy_faults.py

# The C library on emulated microcontrollers; skips with a reason what cannot be emulated here.
test-mcu: $(READY)
	PYTHONPATH=tests:benchmarks $(BIN)/python -m microcontrollers.run

# Every wheel that a board needs to install without a network, in dist/wheelhouse-BOARD-PYTHON.
BOARD ?= arm64
BOARD_PYTHON ?= 3.11
wheelhouse: $(READY)
	$(BIN)/python scripts/wheelhouse.py --board $(BOARD) --python $(BOARD_PYTHON)

# Trains and exports the model that ships inside the runtime.
models: $(READY)
	$(BIN)/python scripts/make_models.py

# Writes docs/api.md from the docstrings of the public names.
docs: $(READY)
	$(BIN)/python scripts/make_api_page.py

# Writes constraints.txt anew from what the newest allowed versions resolve to.
lock:
	$(PYTHON) scripts/lock.py

$(READY): pyproject.toml runtime/pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 or 3.13 with venv is needed; install it or set PYTHON=..." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ./runtime --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv build
