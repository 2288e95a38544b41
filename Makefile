# Two commands matter: `make run` opens the dashboard, `make test` runs every test.
PYTHON ?= python3
PORT   ?= 8501
JOBS   ?= 2
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help run test check clean browser smoke-llm case-study learned docs bench bench-ui guarantees system postgres stress

help:
	@echo "make run     set up and open the dashboard on http://localhost:$(PORT), for this machine only"
	@echo "make test    set up and run all tests, $(JOBS) at a time (JOBS=4: more)"
	@echo "make check   lint, format and type checks"
	@echo "make case-study   make the studies behind the page Case study again (same numbers; minutes)"
	@echo "make learned   make the learned methods that Compare opens with again (same states; seconds)"
	@echo "make docs    write docs/validation.md and the README's picture from the stored studies"
	@echo "make bench-ui   measure the pages under load (Linux)"
	@echo "make smoke-llm   ask a real, very small language model (opt-in; 350 MB of downloads, needs Node.js)"
	@echo "make bench   measure speed and solver, beside other libraries (opt-in; ten minutes, 800 MB of downloads)"
	@echo "make guarantees   measure regret and questions against what the theory promises (opt-in)"
	@echo "make stress   the long form of the tests of the record: crashes, load, faults (opt-in; an hour)"
	@echo "make clean   remove the environment and all caches"

run: $(VENV)/.installed
	$(BIN)/streamlit run app.py --server.address localhost --server.port $(PORT)

test: $(VENV)/.installed-dev browser system postgres
	$(BIN)/python -m libra_core warm
	$(BIN)/pytest --numprocesses $(JOBS) $(ARGS)

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

# The record is also tested on PostgreSQL, started by the tests. Without it those tests are skipped, by name.
postgres:
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update && apt-get install --yes --no-install-recommends postgresql; \
	else \
		echo "PostgreSQL is missing, so its tests will be skipped. On Debian or Ubuntu: sudo apt-get install postgresql"; \
	fi

# The server killed 100 times on each database, 20 clinicians for two minutes, 8 writers on one file.
stress: $(VENV)/.installed-dev browser postgres
	$(BIN)/python -m libra_core warm
	$(BIN)/pytest --slow -s tests/stress tests/core/records/test_faults.py $(ARGS)

# PDF reports need Pango, tests read them back with poppler. Without poppler those tests are skipped, by name.
system:
	@if command -v pdftotext >/dev/null && ldconfig -p | grep -q libpangoft2; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update && apt-get install --yes --no-install-recommends poppler-utils libpango-1.0-0 libpangoft2-1.0-0 fonts-liberation; \
	else \
		echo "For PDF reports and their tests: sudo apt-get install poppler-utils libpango-1.0-0 libpangoft2-1.0-0 fonts-liberation"; \
	fi

# The studies behind the page Case study; says whether the numbers are those stored before.
case-study: $(VENV)/.installed
	$(BIN)/python data/build_case_study.py

# GLRB and LIBRA after 3,000 simulated patients; needed after a change of settings, protocol, cohort or version.
learned: $(VENV)/.installed
	$(BIN)/python data/build_learned.py

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/build.py

# Opt-in: processor time and bytes of every page are checked, wall clock is reported.
bench-ui: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.ui_load

# Opt-in: SmolLM2-135M on this machine. It has no clinical value; see docs/llm.md.
smoke-llm: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.smoke_llm

# Opt-in: writes docs/benchmarks.md. The other libraries live in an environment of their own.
bench: $(VENV)/.installed .venv-bench/peers.txt
	$(BIN)/python -m benchmarks

.venv-bench/peers.txt: requirements-bench.txt requirements.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	$(BIN)/python benchmarks/install_peers.py .venv-bench/bin/python requirements-bench.txt $@

# Opt-in: writes docs/guarantees.md.
guarantees: $(VENV)/.installed
	$(BIN)/python -m benchmarks.guarantees

clean:
	rm -rf $(VENV) .venv-bench .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
