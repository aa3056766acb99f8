# Two commands are all that a newcomer needs: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check
PYTEST := $(PY) -m pytest
SPHINX := $(PY) -m sphinx -W --keep-going -q -d docs/_build/doctrees

.DEFAULT_GOAL := help
.PHONY: help demo test test-verl slow aot gpu lint format types docs bench plots wheel clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

# --- environments: made once, made again when the requirements change ------------------------------------------------

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "composekit needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install -y python3-venv (with sudo if you are not root)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip

# torch comes first and from the index of CPU builds; where that cannot be reached, pip goes on with the ones it has.
$(VENV)/.torch: constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --retries 1 --extra-index-url $(TORCH_INDEX) -c constraints.txt torch
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.torch
	$(PIP) install --quiet -c constraints.txt -e '.[math,data,plot,progress]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.torch
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

# --- the two commands ------------------------------------------------------------------------------------------------

demo: $(VENV)/.demo ## set up and run the main job on real input (DATA=problems.jsonl for your own)
	$(PY) examples/demo.py $(if $(DATA),--data '$(DATA)') --out demo-output

test: $(VENV)/.dev ## set up and pass the tests
	$(PYTEST)
	TRITON_INTERPRET=1 $(PYTEST) -m 'interpret and not slow'
	$(PYTEST) -m 'aot and not slow'

# --- the rest --------------------------------------------------------------------------------------------------------

# verl holds transformers below 5.11 and wants serving engines that its reward and loss interfaces do not need, so its contract
# tests get an environment of their own, with only what those interfaces import.
VERL_VENV := $(VENV)-verl
VERL_PIP := $(VERL_VENV)/bin/python -m pip --disable-pip-version-check install --quiet -c $(VERL_VENV)/constraints.txt

$(VERL_VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VERL_VENV)
	grep -vE '^(transformers|trl|accelerate|diffusers|liger-kernel|verifiers|reasoning-gym)==' constraints.txt > $(VERL_VENV)/constraints.txt
	$(VERL_PIP) --retries 1 --extra-index-url $(TORCH_INDEX) torch
	$(VERL_PIP) --no-deps verl==0.9.1
	$(VERL_PIP) 'ray>=2.41' aiohttp 'tensordict>=0.8,!=0.9.0,<=0.10' hydra-core codetiming pandas pyarrow datasets dill \
	  'transformers>=5.5.3,!=5.6.0,<5.11' pillow einops 'math-verify[antlr4_13_2]' pytest hypothesis
	$(VERL_PIP) --no-deps -e .
	@touch $@

test-verl: $(VERL_VENV)/.ready ## the contract tests against verl, in an environment of their own
	$(VERL_VENV)/bin/python -m pytest tests/integrations -k verl

slow: $(VENV)/.dev ## the tests that take more than ten seconds each
	$(PYTEST) -m 'slow and not interpret and not aot and not gpu'
	TRITON_INTERPRET=1 $(PYTEST) -m 'slow and interpret'

aot: $(VENV)/.dev ## compile every kernel configuration ahead of time and write the resource rows
	$(PY) -m composekit_kernels.aot

gpu: $(VENV)/.dev ## the tests that need a CUDA device
	$(PYTEST) -m gpu

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev ## mypy
	$(BIN)/mypy

docs: $(VENV)/.dev ## build the documentation with warnings as errors
	$(PY) -m benchmarks.plot
	$(SPHINX) -b html docs docs/_build/html

bench: $(VENV)/.dev ## run the benchmarks (CPU, and GPU where there is one); BENCH=group/case for some
	$(PY) -m benchmarks.run $(BENCH)

plots: $(VENV)/.dev ## draw every figure from the stored rows
	$(PY) -m benchmarks.plot

wheel: $(VENV)/.dev ## build the wheel
	$(PY) -m build --wheel

clean: ## remove what the commands above made
	rm -rf $(VENV) $(VERL_VENV) docs/_build docs/api/generated docs/gallery demo-output build dist .mypy_cache .ruff_cache .pytest_cache
