# Needs Python 3.11 or 3.12 and GNU make 3.81 or newer. `make PYTHON=/path/to/python` chooses another interpreter.
# ARGS is passed on: make demo ARGS=--exit, make test ARGS="tests/unit -x".

.DEFAULT_GOAL := help
.PHONY: help demo test test-docker check bench images secrets locks venv clean

PYTHON ?=
ARGS ?=
IMAGES ?= server steps airflow
BIN := .venv/bin
INSTALLED := .venv/.installed

# With this variable every import costs two to three times as much.
unexport PYTHONDONTWRITEBYTECODE
# An activated environment is not the one that is installed into.
unexport VIRTUAL_ENV

help:
	@echo "make demo        play real days through Airflow (ARGS=--exit stops everything at the end)"
	@echo "make test        run the tests"
	@echo "make test-docker run the tests that need a Docker engine: images, docker-compose, containers"
	@echo "make check       run what CI runs before the tests: ruff, mypy, import-linter, retrainer check"
	@echo "make bench       measure, print a table and write build/bench.json"
	@echo "make images      build the container images (IMAGES=server: only that one)"
	@echo "make secrets     make .env, the passwords and keys of docker-compose.yaml"
	@echo "make locks       make the images' locks again from requirements.lock"
	@echo "make venv        only install into .venv"
	@echo "make clean       remove .venv, build and caches (not .retrainer, which holds models and data)"

demo: $(INSTALLED)
	@$(BIN)/retrainer demo $(ARGS)

test: $(INSTALLED)
	@$(BIN)/pytest $(ARGS)

test-docker: $(INSTALLED)
	@$(BIN)/pytest -m docker $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/retrainer check

bench: $(INSTALLED)
	@mkdir -p build
	@$(BIN)/python tests/benchmarks $(ARGS)

images:
	@set -e; \
	version=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml); \
	for image in $(IMAGES); do \
		docker build --target $$image --tag retrainer-$$image:$$version \
			--build-arg VERSION=$$version --build-arg REVISION=$$(git rev-parse HEAD) .; \
	done

secrets:
	@bash config/compose/secrets.sh .env

# After a change of requirements.lock or of a list in config/images: see docs/images.md.
locks: $(INSTALLED)
	@set -e; \
	uv=$$(command -v uv || echo build/uv/bin/uv); \
	compile() { \
		"$$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
			--no-emit-index-url --constraint requirements.lock --output-file config/images/$$1.lock $$2; \
	}; \
	for lock in build server steps; do compile $$lock config/images/$$lock.in; done; \
	compile airflow "pyproject.toml --extra postgres --extra celery --extra kubernetes --extra s3 --extra boosting"; \
	compile example "--no-deps config/images/example.in"; \
	sha256sum config/images/*.lock

venv: $(INSTALLED)

# The interpreter is tried, not only looked for: a version manager's stand-in may be on PATH with nothing behind it.
$(INSTALLED): requirements.lock pyproject.toml
	@set -e; \
	python=; \
	for candidate in $(PYTHON) python3.12 python3.11 python3 python; do \
		if python=$$("$$candidate" -c 'import sys; v = sys.version_info[:2]; print(getattr(sys, "_base_executable", sys.executable)); sys.exit(not (3, 11) <= v < (3, 13))' 2>/dev/null); then break; fi; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "error: no Python 3.11 or 3.12 found (tried: $(PYTHON) python3.12 python3.11 python3 python)" >&2; \
		echo "hint: install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
		uv=build/uv/bin/uv; \
		if [ ! -x "$$uv" ]; then \
			echo "Getting uv from pip ..."; \
			"$$python" -m venv build/uv || { echo "hint: $$python needs its venv module (on Debian: apt install python3-venv)" >&2; exit 1; }; \
			build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv; \
		fi; \
	fi; \
	echo "Installing into .venv with $$python ..."; \
	"$$uv" venv --quiet --allow-existing --no-python-downloads --python "$$python" .venv; \
	"$$uv" pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	touch $@

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find include tests dags plugins -name __pycache__ -type d -prune -exec rm -rf {} +
