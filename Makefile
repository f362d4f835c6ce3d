# Two commands for a newcomer: `make crawl SITE=https://blog.example.org` and `make test`.

SITE ?=
ARCHIVE ?=
ARGS ?=
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN = $(VENV)/bin

# What the tests need beside Python, by the names of Debian's packages.
TEST_PACKAGES = wordpress wordpress-theme-twentytwentyfive php-cli php-mysql php-xml php-mbstring mariadb-server \
	postgresql chromium chromium-driver chromium-headless-shell systemd zsh fish mandoc prometheus sqlite3

.DEFAULT_GOAL := help
.PHONY: help crawl serve demo test test-all check soak lint test-deps lock docs bench release clean

help: ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

crawl: $(VENV)/.installed ## crawl SITE=https://blog.example.org into ARCHIVE=output/archive.db (without SITE: a demonstration blog into output/demo.db)
	@$(BIN)/archiver crawl $(or $(SITE),--demo) $(if $(ARCHIVE),--archive $(ARCHIVE)) $(ARGS)

serve: $(VENV)/.installed ## show ARCHIVE=output/archive.db (or output/demo.db) in a browser (ARGS go to archiver serve)
	@$(BIN)/archiver serve --archive $(or $(ARCHIVE),$(wildcard output/archive.db),output/demo.db) $(ARGS)

demo: $(VENV)/.installed ## serve the demonstration blog on loopback, to look at it
	@$(BIN)/python -m archiver.demo

test: override ARGS := -m "not slow" $(ARGS)
test: check ## run the checks for every change: ruff, mypy, pytest for the core (ARGS go to pytest)
	@echo "Left out: the packages and the slow tests of the whole program (tests/conftest.py lists them). 'make test-all' runs them too, as CI does."

test-all: check ## run every check: ruff, mypy, pytest (ARGS go to pytest)

# mypy runs beside the start of pytest, each of which uses one core; what it finds is printed at the end.
check: $(VENV)/.checked $(VENV)/validators/.installed $(VENV)/s3/.installed
	$(BIN)/ruff check .
	@$(BIN)/mypy > $(VENV)/mypy.txt 2>&1 & types=$$!; \
	echo "$(BIN)/python -m pytest $(ARGS)"; $(BIN)/python -m pytest $(ARGS); tested=$$?; \
	wait $$types; typed=$$?; echo "$(BIN)/mypy"; cat $(VENV)/mypy.txt; \
	exit $$((tested ? tested : typed))

soak: $(VENV)/.checked ## the long checks: thousands of examples of each property, 2,000 posts and 50 kills, a month with faults (15 minutes or more)
	$(BIN)/python -m pytest --hypothesis-profile=thorough -m hypothesis
	$(BIN)/python -m tests.faults --posts 2000 --kills 50
	$(BIN)/python -m tests.month --kill

lint: $(VENV)/.checked ## run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

test-deps: ## install the Debian packages that some tests need (as root, with apt-get)
	@missing=; for p in $(TEST_PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "All Debian packages that the tests need are installed."; exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "Run this as root; it would install:$$missing"; exit 1; fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -qq -o DPkg::Lock::Timeout=300 update && \
	apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends -y $$missing

lock: $(VENV)/.installed ## pin the newest dependencies that pyproject.toml allows
	@$(BIN)/pip install -q uv
	@echo 'setuptools>=77' | $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate -o requirements.lock pyproject.toml -
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate -c requirements.lock -o requirements-dev.lock --group dev
	@echo 'setuptools>=77' | $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate -c requirements.lock -c requirements-dev.lock -o requirements-all.lock --extra all \
		pyproject.toml -
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --override tests/datasets/validators-overrides.txt \
		-o tests/datasets/validators.lock tests/datasets/validators.in
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate -o tests/fleet/s3.lock tests/fleet/s3.in

docs: $(VENV)/.installed ## write the generated pages of docs/, and the manual page docs/archiver.1
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/manpage.py docs/archiver.1

bench: $(VENV)/.installed ## measure quality and speed on the sites beside this project (ARGS go to bench/sites)
	$(BIN)/python bench/sites $(ARGS)

release: $(VENV)/.checked ## write wheel, source archive, changes, bill of materials and checksums into dist/ (ARGS=--trial before a version)
	$(BIN)/python -m release $(ARGS)

clean: ## remove what was installed and built, but no archive
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The environment, in steps that are each done once: the pinned packages (with all extras), this package, the
# checks' packages.

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "archiver needs Python 3.11 or newer; on Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.locked: requirements-all.lock | $(VENV)/bin/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-all.lock
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.locked
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.checked: requirements-dev.lock $(VENV)/.installed
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# What tests set beside the program, each in an environment of its own: what datasets are validated and read with (half a
# gigabyte), and a server of an object storage.
$(VENV)/validators/.installed: tests/datasets/validators.lock | $(VENV)/bin/python
$(VENV)/s3/.installed: tests/fleet/s3.lock | $(VENV)/bin/python
$(VENV)/validators/.installed $(VENV)/s3/.installed:
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@
