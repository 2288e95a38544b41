# Two commands matter: `make run` opens the dashboard, `make test` runs every test.
PYTHON ?= python3
PORT   ?= 8501
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help run test check clean browser smoke-llm

help:
	@echo "make run     set up and open the dashboard on http://localhost:$(PORT)"
	@echo "make test    set up and run all tests"
	@echo "make check   lint, format and type checks"
	@echo "make smoke-llm   ask a real, very small language model (opt-in; 350 MB of downloads, needs Node.js)"
	@echo "make clean   remove the environment and all caches"

run: $(VENV)/.installed
	$(BIN)/python -m libra_core warm
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: $(VENV)/.installed-dev browser
	$(BIN)/python -m libra_core warm
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The stamps make each installation happen once for each version of the requirements.
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make run PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# The browser tests drive Debian's Chromium. Without it they are skipped, by name.
browser:
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update && apt-get install --yes --no-install-recommends chromium; \
	else \
		echo "Chromium is missing, so the browser tests will be skipped. On Debian or Ubuntu: sudo apt-get install chromium"; \
	fi

# Opt-in: SmolLM2-135M on this machine. It has no clinical value; see docs/llm.md.
smoke-llm: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.smoke_llm

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
