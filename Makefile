# Everything a person or a machine does with this clone. Needs make and Python >= 3.11, nothing else.

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
T ?=
# Folders with a lane of their own.
LANES := installation faults packages bench
# How many tests at once, one more than the processors of a small machine: many wait for something. Each worker has a
# database server of its own.
N ?= 3

RUN := @$(PYTHON) tools/environment.py run
DEV := @$(PYTHON) tools/environment.py dev
PYTEST := $(BIN)/python -m pytest

# Code is compiled once, and not by each of the processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up test check fix contracts baseline docs site lock bench installation journeys faults packages clients doctor clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up:  ## start the shop: database, services, gateway (ARGS="--port 8080 --topology all-in-one --reload")
	$(RUN)
	@$(BIN)/stoa up $(ARGS)

doctor:  ## look over this installation and say what to mend
	$(RUN)
	@$(BIN)/stoa doctor $(ARGS)

test:  ## run the tests; one folder, file or test with T=tests/cart
	$(DEV)
ifeq ($(T),)
	@# As the folders stand: files sorted by the number of their tests would have the longest ones, of few, at the end.
	$(PYTEST) -n $(N) --dist loadfile --no-loadscope-reorder $(patsubst %,--ignore=tests/%,$(LANES))
else
	$(PYTEST) $(T)
endif

installation:  ## a shop from nothing and back, started anew with its code, on a full disk, by processes that have only their own
	$(DEV)
	$(PYTEST) tests/installation -n 2 --dist loadfile

journeys:  ## the journeys in each shape of many processes, over forced gRPC, and with every repeatable call sent twice
	$(DEV)
	STOA_JOURNEY_TOPOLOGY=three-services $(PYTEST) tests/journeys
	STOA_JOURNEY_TOPOLOGY=polyrepo $(PYTEST) tests/journeys
	STOA_JOURNEY_TOPOLOGY=event-driven $(PYTEST) tests/journeys
	STOA_JOURNEY_TOPOLOGY=one-per-service $(PYTEST) tests/journeys
	STOA_FORCE_GRPC=true $(PYTEST) tests/journeys
	STOA_FAULTS="duplicate=1.0" $(PYTEST) tests/journeys

faults:  ## pull the plug, lose answers, buy the last one twice
	$(DEV)
	$(PYTEST) tests/faults -n 2 --dist loadfile

packages:  ## install packages from outside, run their tests, sell with one, and take it away
	$(DEV)
	$(PYTEST) tests/packages

clients:  ## generate clients from the description, type-check them, and order with each (Python, TypeScript; needs Node)
	@command -v npm >/dev/null || { echo "make clients: npm is missing. Install Node.js 20 or newer; nothing else here needs it."; exit 1; }
	$(DEV)
	$(PYTEST) tests/clients tests/clients/typescript/check.py

check:  ## what must pass before a commit: format, lint, types, walls, contracts, generated pages; all of it, then a report
	$(DEV)
	@$(BIN)/python tools/check.py

fix:  ## mend what can be mended by machine
	$(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

contracts:  ## generate src/stoa/contracts from proto/
	$(DEV)
	$(BIN)/python tools/contracts.py

baseline:  ## at a release: what later contracts, and the kit, must stay compatible with
	$(DEV)
	$(BIN)/buf build -o proto/released.binpb
	$(BIN)/python -m tests.kit.kit_api

docs:  ## write the generated pages: who calls whom, settings, permissions, each service's reference
	$(DEV)
	$(BIN)/python tools/edges.py
	$(BIN)/python tools/settings.py
	$(BIN)/python tools/permissions.py
	$(BIN)/python tools/services.py

site:  ## make build/site of the pages, with search; a link or heading that is not there ends it
	@$(PYTHON) tools/environment.py docs
	@# Anew each time: what is kept from the time before is not looked through for links again.
	@rm -rf build/site build/site-cache
	$(BIN)/python -m sphinx -q -W --keep-going -b html -c docs/site -d build/site-cache . build/site
	@echo "open build/site/index.html"

lock:  ## write requirements/*.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	$(DEV)
	$(BIN)/python tools/lock.py $(ARGS)

bench:  ## measure, and write docs/bench.md with its plot
	$(DEV)
	$(BIN)/python -m bench $(ARGS)

clean:  ## remove the environment and caches; never data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build
	find . -name __pycache__ -prune -exec rm -rf {} +
