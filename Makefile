# What a person does with a checkout. `make run` and `make test` set everything up by themselves.

PORT ?= 8000
JOBS ?= $(shell nproc)
python := .venv/bin/python

# Settings of an invented production, for the checks that need one.
production := ANONPORTAL_DATA="$(CURDIR)/tmp/lint" ANONPORTAL_HOSTS=portal.example.org \
	ANONPORTAL_ORIGINS=https://portal.example.org \
	ANONPORTAL_PUBLIC_URL=https://portal.example.org ANONPORTAL_LOG_STDERR=ERROR \
	ANONPORTAL_SECRET_KEY=checks-only-Qm4vT8zLw2Kx9Rb6Nc1Hs7Jd3Fg5Pa0Yu-Ie-Wo-Xt

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test lint prove bench lock

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

install: ## Make .venv and install what the portal needs to run
	@requirements/install.sh run

install-dev:
	@requirements/install.sh dev

run: install ## Run the demo on this machine: make run PORT=8001 ANONPORTAL_DATA=/folder
	@ANONPORTAL_DEMO=1 ANONPORTAL_LOG_STDERR="$${ANONPORTAL_LOG_STDERR:-ERROR}" \
		exec $(python) manage.py up --port "$(PORT)"

test: install-dev lint ## Set up, check and run all tests
	@$(python) -m pytest -n $(JOBS) --dist loadfile -q

lint: install-dev ## Style, types, import rules, templates, production settings, migrations
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/djlint --quiet --lint templates
	@$(production) $(python) -W error manage.py check --deploy --fail-level WARNING
	@$(production) $(python) manage.py makemigrations --check --dry-run

prove: export PROVE := 1
prove: install-dev lint ## Run all tests with full counts and write docs/proof.md
	@$(python) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -q --timeout 3600

bench: install-dev ## Measure beside the peers that this machine has
	@for bench in $$(grep -l '^if __name__ == "__main__"' benchmarks/*.py | grep -v 'with_\|build'); do \
		$(python) -m "benchmarks.$$(basename "$$bench" .py)" || exit 1; \
	done

lock: ## Resolve requirements/*.in into the lock files (needs uv, or pipx to run it)
	@requirements/lock.sh
