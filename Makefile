# Everything sets up what it needs: a plain `make run` works in a fresh clone.
# Stamps keyed on the lock files make the second run quick.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PROTOGEN := .venv-protogen
PROTOS := $(shell find protos/tollgate -name '*.proto' | sort)
PACKAGES := $(wildcard server quota ledger benchmarks tests)
CLIENT := clients/python
# The client ships the stubs of what a gateway calls, the same to the byte.
CLIENT_STUBS := $(foreach name,common call_authorization,$(foreach ending,_pb2.py _pb2.pyi \
	  _pb2_grpc.py _pb2_grpc.pyi,tollgate/v1/$(name)$(ending)))
TEST_WORKERS ?= 2

# The first interpreter that is new enough.
FIND_PYTHON = for p in python3.11 python3 python; do \
	  if $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo $$p; exit 0; fi; done; \
	echo "Tollgate needs Python 3.11 or newer with its venv module: on Debian or Ubuntu," \
	  "apt install python3.11 python3.11-venv" >&2; exit 1

# uv installs a lock file in seconds; it comes from the package index like everything else,
# checked against its own lock.
UV = $(BIN)/uv --quiet

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: run
run: $(VENV)/.installed ## start Tollgate with embedded stores, demo data and a small simulation
	@export TOLLGATE_STATE_DIR="$${TOLLGATE_STATE_DIR:-.tollgate}"; \
	export TOLLGATE_COMMIT="$${TOLLGATE_COMMIT:-$$(git rev-parse --short HEAD 2>/dev/null)}"; \
	exec $(BIN)/tollgate demo

.PHONY: test
test: $(VENV)/.installed ## run all tests on embedded stores
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal $(TEST_ARGS)

.PHONY: check
check: $(VENV)/.installed check-stubs ## format, lint, types, protos, architecture, stubs
	$(BIN)/ruff format --check $(PACKAGES) $(CLIENT) examples
	$(BIN)/ruff check $(PACKAGES) $(CLIENT) examples
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES)) -p tollgate_client
	$(BIN)/buf lint
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_architecture.py

.PHONY: bench
bench: $(VENV)/.installed ## measure everything beside its ceiling, 40 minutes; QUICK=1: three
	QUICK=$(QUICK) $(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: format
format: $(VENV)/.installed ## bring the code into shape
	$(BIN)/ruff check --fix $(PACKAGES) $(CLIENT) examples
	$(BIN)/ruff format $(PACKAGES) $(CLIENT) examples

.PHONY: protos
protos: $(PROTOGEN)/.installed ## generate the stubs beside the protos
	$(call GENERATE,protos)
	@for f in $(CLIENT_STUBS); do cp "protos/$$f" "$(CLIENT)/src/$$f"; done

.PHONY: check-stubs
check-stubs: $(PROTOGEN)/.installed
	@out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; \
	$(call GENERATE,"$$out"); \
	for f in $$(cd "$$out" && find . -type f); do \
	  cmp -s "$$out/$$f" "protos/$$f" || \
	    { echo "protos/$$f does not come from its .proto: run make protos" >&2; exit 1; }; \
	done; \
	for f in $(CLIENT_STUBS); do \
	  cmp -s "protos/$$f" "$(CLIENT)/src/$$f" || \
	    { echo "$(CLIENT)/src/$$f is not protos/$$f: run make protos" >&2; exit 1; }; \
	done; echo "the stubs come from the protos"

GENERATE = PATH=$(PROTOGEN)/bin:$$PATH $(PROTOGEN)/bin/python -m grpc_tools.protoc -I protos -I protos/vendor --python_out=$(1) \
	  --grpc_python_out=$(1) --mypy_out=quiet:$(1) --mypy_grpc_out=quiet:$(1) $(PROTOS)

.PHONY: lock
lock: $(VENV)/.uv ## resolve the dependencies anew; LOCK_ARGS=--upgrade takes newer ones
	$(call COMPILE,--extra dev pyproject.toml,dev)
	$(call COMPILE,locks/protogen.in,protogen)
	$(call COMPILE,locks/uv.in,uv)

COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  $(LOCK_ARGS) $(1) -o locks/$(2).lock

.PHONY: clean
clean: ## remove everything that was installed or cached; data in .tollgate stays
	rm -rf $(VENV) $(PROTOGEN) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.uv: locks/uv.lock
	@python=$$($(FIND_PYTHON)); echo "setting up $(VENV) with $$python"; \
	$$python -m venv $(VENV)
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r $<
	@touch $@

$(VENV)/.installed: locks/dev.lock pyproject.toml $(CLIENT)/pyproject.toml $(VENV)/.uv
	@echo "installing the locked dependencies"
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --require-hashes $< locks/uv.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --no-deps --no-build-isolation -e $(CLIENT) -e .
	@touch $@

$(PROTOGEN)/.installed: locks/protogen.lock $(VENV)/.uv
	@$(UV) venv --python $(BIN)/python --clear $(PROTOGEN)
	@VIRTUAL_ENV=$(PROTOGEN) $(UV) pip sync --require-hashes $<
	@touch $@
