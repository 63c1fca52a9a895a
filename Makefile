# make run     set up what the main job needs, run it, say what to try next
# make test    set up everything, check, run all tests on SQLite and on a real PostgreSQL
# make serve   the console with demo data, on this machine only
# The rest: check, bench, concurrency, crash, power, nodes, backlog, upgrade, drills, poison, fuzz, fuzz-http, storm-http, kill-http, leaks, sbom, audit, mutants, screens, screenshots, wheel, clean. Needs: git, make, Python 3.11 or newer.

.DEFAULT_GOAL := help
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
KILLS ?= 2000
SECONDS ?= 60
SEEDS ?= 1000
EXAMPLES ?= 30
REQUESTS ?= 100000
SEED ?= 1
DATABASE ?= both
DEMO ?= sqlite:///demo.db
# Compiled once and not by every process anew, also where somebody's environment forbids to keep it.
export PYTHONDONTWRITEBYTECODE :=

help:
	@sed -n '1,4s/^# //p' Makefile

# The environment is built again only when pyproject.toml changes. Two stamps: the main job needs far less than the tests.
.venv/python:
	@sh .ci/python .venv
	@touch $@

.venv/run: .venv/python pyproject.toml
	@echo "安装依赖 / installing what the main job needs"
	@$(PIP) install -e .
	@touch $@

.venv/serve: .venv/run
	@echo "安装服务依赖 / installing what the service needs"
	@$(PIP) install -e '.[api,scheduler,documents]'
	@touch $@

.venv/dev: .venv/python pyproject.toml
	@echo "安装测试依赖 / installing what the tests need"
	@$(PIP) install -e '.[dev]'
	@touch .venv/run .venv/serve $@

run: .venv/run
	@$(BIN)/tibandu replay
	@echo
	@echo "下一步 / next:  make serve"

# A database of its own, so that nothing of it stands beside what `make run` has read. `tibandu demo remove` empties it.
serve: .venv/serve
	@$(BIN)/tibandu --database $(DEMO) demo load
	@$(BIN)/tibandu --database $(DEMO) serve --documents demo-documents

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

bench: .venv/dev
	$(BIN)/python -m bench

crash: .venv/dev
	@KILLS=$(KILLS) $(BIN)/python -m tests.crash

# The power fails at any moment (SQLite), a process of the server dies (PostgreSQL); OUTAGES of each setting, DEATHS.
power: .venv/dev
	@$(BIN)/python -m tests.crash.power

nodes: .venv/dev
	@$(BIN)/python -m tests.crash.nodes

backlog: .venv/dev
	LETTERS=10000 $(BIN)/python -m pytest -q -k a_backlog tests/test_backends.py

# The next revision of the tables on a database of 6,000 cases, up and down.
upgrade: .venv/dev
	UPGRADE=1 $(BIN)/python -m pytest -q -s -k in_use tests/test_migrations.py

drills: .venv/dev
	DRILLS=20 $(BIN)/python -m pytest -q -k drills_under_load tests/test_backup.py

poison: .venv/dev
	LETTERS=10000 $(BIN)/python -m pytest -q -k poison_blocks_nobody tests/test_alerts.py

# Definition files and guards nobody would write, led by what they reach (atheris); .fuzz/ keeps what was found.
fuzz: .venv/dev
	@$(PIP) install -e '.[fuzz]'
	@for target in file library guard; do echo "fuzz: $$target, $(SECONDS) s"; $(BIN)/python -m tests.fuzz_guided $$target $(SECONDS) || exit 1; done

# Requests nobody would think of, by everybody, against a real service of the shipped definitions: one seed after the other, on SQLite
# and PostgreSQL in turn, until REQUESTS have arrived or one shows a fault. Goes on from SEED; DATABASE=sqlite or postgresql alone.
fuzz-http: .venv/dev
	@$(BIN)/python -m tests.fuzz_http --requests $(REQUESTS) --seed $(SEED) --database $(DATABASE) --examples $(EXAMPLES)

# 8 writers x 200 on one case and on one family, 8 threads x 5,000 decisions; the tests take a sample.
concurrency: .venv/dev
	WRITES=200 $(BIN)/python -m pytest -q --timeout 3600 tests/test_concurrency.py

soak: .venv/dev
	@$(BIN)/python -m tests.soak --seeds $(SEEDS)

# Two processes that serve, on both databases: 1,000 idempotency keys, each sent by twenty connections at once; 1,000 links, each
# answered by twenty; 1,000 times two with one revision.
storm-http: .venv/dev
	STORM_KEYS=1000 STORM_LINKS=1000 STORM_RACES=1000 $(BIN)/python -m pytest -q --durations=0 -k "not killed" tests/test_http_storm.py

# gunicorn on PostgreSQL, a worker killed every half second: what was acknowledged is there, once.
kill-http: .venv/dev
	KILL_SECONDS=$(SECONDS) $(BIN)/python -m pytest -q -s --timeout 3600 -k killed tests/test_http_storm.py

# Every address x everything that is somebody else's x every role, on both databases; the tests deal it out.
leaks: .venv/dev
	LEAKS=all $(BIN)/python -m pytest -q --timeout 3600 tests/test_http_matrix.py

# Each of the 39 invariants (docs/invariants.md) broken once in a copy of the tree: its test must fail.
mutants: .venv/dev
	@$(BIN)/python -m tests.mutants

# Every screen and form in a real browser, in both languages, and every story there; the tests take a sample of them.
screens: .venv/dev
	SCREENS=all $(BIN)/python -m pytest -q --timeout 3600 tests/test_screens.py tests/test_browser_stories.py

# The pictures of docs/screens, taken anew on the demo data; some of them: python -m tests.screenshots unit deputy
screenshots: .venv/dev
	@$(BIN)/python -m tests.screenshots

wheel: .venv/dev
	$(BIN)/python -m build --no-isolation

# An environment of what the service stands on with all its extras and nothing else, and one of the tools that look at it.
.venv/shipped: .venv/python pyproject.toml
	@$(BIN)/python -m venv --clear .venv/stand
	@.venv/stand/bin/python -m pip --disable-pip-version-check --quiet install '.[all]'
	@.venv/stand/bin/python -m pip --disable-pip-version-check --quiet uninstall --yes tibandu
	@$(BIN)/python -m venv --clear .venv/look
	@.venv/look/bin/python -m pip --disable-pip-version-check --quiet install cyclonedx-bom pip-audit
	@touch $@

# dist/sbom.json: every part with version, licence and where it comes from (CycloneDX).
sbom: .venv/shipped
	@mkdir -p dist
	.venv/look/bin/cyclonedx-py environment .venv/stand --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.json

# Known weaknesses of these parts, asked of PyPI: without a network, or of a part that it does not know, it fails and says so.
audit: .venv/shipped
	.venv/look/bin/pip-audit --strict --progress-spinner off --path $$(echo .venv/stand/lib/python*/site-packages)

clean:
	rm -rf .venv dist build .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .fuzz

.PHONY: help run serve check test bench concurrency crash power nodes backlog upgrade drills soak poison fuzz fuzz-http storm-http kill-http leaks sbom audit mutants screens screenshots wheel clean
