# One command from a clone to an answer. Everything lands in .venv, from hashed locks.
PYTHON ?= python3
BIN := .venv/bin
AREA ?= placement
RACES ?= 10000
NIGHTS ?= 100
EVENINGS ?= 25
FOR ?= 20s
INPUTS ?= 1000000
TRIES ?= 300
GANGS ?= 10
SEED ?= 1
RECORD ?= simulations/records/million.json

.PHONY: help install demo test lint check races nights seeds planted fuzz campaign fidelity crashes truth \
	stories namespaces engines plugin bench lock clean

help: ## what can be made here
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: .venv/installed ## a virtual environment with Holdfast and its tools, from the lock

.venv/installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Holdfast needs Python 3.11 or later: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## three real nodes tell the whole story (KEEP=1 leaves them up, STOP=1 ends those)
	@$(BIN)/python -m simulations.demo $(if $(KEEP),--keep) $(if $(STOP),--stop)

test: install ## the whole test suite, on all cores
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: install ## style, types, and the order of the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

races: install ## RACES=10000 simulated two-asker races, and 200 between real processes
	$(BIN)/python -m simulations.races --count $(RACES)
	$(BIN)/python -m simulations.real_races --count 200

nights: install ## NIGHTS=100 simulated runs in which everything goes wrong, from SEED on
	$(BIN)/python -m simulations.campaign --count $(NIGHTS) --seed $(SEED)

fuzz: install ## INPUTS=1000000 bent inputs to everything that reads foreign bytes, from SEED
	$(BIN)/python -m simulations.fuzz --inputs $(INPUTS) --seed $(SEED)

seeds: install ## runs that once failed, a fixed handful, and one that must fail
	$(BIN)/python -m simulations.campaign --kept

planted: install ## bugs planted in the core, each to be caught three times; FULL=1: on all 200 seeds
	$(BIN)/python -m tests.planted $(if $(FULL),--all,--quick)

campaign: install ## RECORD=file: a million answered operations, some hours; RESUME=1 goes on
	$(BIN)/python -m simulations.campaign --operations 1000000 --seeds-min 5000 --horizon 30 \
	  --record $(RECORD) $(if $(RESUME),--resume)

fidelity: install ## EVENINGS=25 of whole agents in one process: seeded scheduling, SQLite on a bad disk
	$(BIN)/python -m simulations.fidelity --count $(EVENINGS) --seed $(SEED)

crashes: install ## TRIES=300 of SIGKILL between two effects, on a real disk; FULL=1: at every one
	$(BIN)/python -m simulations.crashes --seed $(SEED) $(if $(FULL),--all,--tries $(TRIES))
	$(if $(GANGS),$(BIN)/python -m simulations.crashes --gangs $(GANGS))

truth: install ## FOR=20s of real processes that are killed, stopped and cut off; SEED=1
	$(BIN)/python -m simulations.truth --for $(FOR) --seed $(SEED)

namespaces: install ## real agents in networks as people have them: routers, two cables, IPv6, cuts
	$(BIN)/python -m simulations.networks

engines: install ## our probes beside the real llama.cpp server, compiled into .engines (long)
	$(BIN)/python -m simulations.engines

stories: install ## every story on every stage that it names; real time takes some minutes
	$(BIN)/python -m simulations.stories tests/simulations/stories/*.story
	$(BIN)/python -m simulations.stories --on shell tests/simulations/stories/*.story
	$(BIN)/python -m simulations.stories --on processes tests/simulations/stories/*.story

plugin: install ## the pytest plugin as a wheel, in dist
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist simulations/plugin

bench: install ## AREA=placement|ledger|mesh|simulator|command|node|facts|model, JSON=file, LONG=1
	@$(BIN)/python -m simulations.bench $(AREA) $(if $(JSON),--json $(JSON))

check: lint test ## what must be green before anything lands

lock: install ## renew both locks
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade pyproject.toml -o requirements-dev.lock

clean: ## forget what was built
	rm -rf .venv .demo .engines dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
