# SPDX-License-Identifier: Apache-2.0
.PHONY: help setup demo test clean
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

IN_WORKSPACE := source tools/environment.bash &&

help:
	@echo "make setup   install everything into .venv and build the packages"
	@echo "make demo    watch the simulated arm do its four tasks"
	@echo "make test    lint, types and tests"
	@echo "make clean   remove what set-up made; results in outputs/ stay"

setup:
	@tools/setup

demo:
	@./genima demo

test:
	@tools/setup --with robot dev
	$(IN_WORKSPACE) ruff check .
	$(IN_WORKSPACE) ruff format --check .
	$(IN_WORKSPACE) mypy
	$(IN_WORKSPACE) pytest

clean:
	rm -rf .venv build install log .pytest_cache .mypy_cache .ruff_cache .hypothesis
