# Every target first makes its own environment in .venv, from nothing, and makes it again when requirements-dev.txt
# changes. Linux or macOS, Python 3.10, 3.11 or 3.12. Another interpreter: make clean; make test PYTHON=python3.10
VENV ?= .venv
OUT ?= demo-out
# make demo ALL=1: all samplers, some minutes
ALL ?=
# 3.11 and 3.10 first: there the versions are the ones that the WebUI itself pins.
SUPPORTED = import sys, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 13))
PYTHON ?= $(shell for name in python3.11 python3.10 python3.12 python3; do \
	$$name -c '$(SUPPORTED)' 2>/dev/null && echo $$name && break; done)

RUN = $(VENV)/bin/python
READY = $(VENV)/.ready

.PHONY: demo test hosts lint bench ablation screenshots clean

demo: $(READY)
	$(RUN) -m evidence --out $(OUT) $(if $(ALL),--all)

# The stored table's rows with DDIM at 20 steps again, from the stored weights, compared with it.
ablation: $(READY)
	$(RUN) -m evidence.ablation --out $(OUT)/ablation --compare docs/ablation/ablation.json

# Twice, since a process has only one package `modules`: the second time for Forge's double.
test: $(READY)
	@failed=0; \
	for tests in tests tests/forge; do $(RUN) -m pytest $$tests || failed=1; done; \
	exit $$failed

# The live tests on several WebUIs in turn: make hosts WEBUIS="/path/to/forge /path/to/neo"
WEBUIS ?=
hosts: $(READY)
	@test -n "$(WEBUIS)" || { echo 'No WebUI is named: make hosts WEBUIS="/path/to/one /path/to/another"' >&2; exit 1; }
	@failed=0; \
	for webui in $(WEBUIS); do \
		echo "== $$webui"; ZSNR_WEBUI="$$webui" $(RUN) -m pytest tests/live || failed=1; \
	done; \
	exit $$failed

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/oxlint --deny-warnings javascript tests/webui

# The README's pictures of the panel; needs a real WebUI (ZSNR_WEBUI) and Chromium.
screenshots: $(READY)
	$(RUN) -m tests.live.screenshots

bench: $(READY)
	$(RUN) -m tests.bench

# Wheels only: nothing is compiled, and no package runs code of its own while it is installed.
$(READY): requirements-dev.txt
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' || { \
		echo "This needs Python 3.10, 3.11 or 3.12 with its venv module (Debian: apt-get install python3-venv);" \
			"found $(or $(PYTHON),none). Name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test ! -L $(VENV) || { \
		echo "$(VENV) is a link, and making it anew would empty the folder that it leads to. Call the tools in it" \
			"directly, or remove the link." >&2; exit 1; }
	@echo "Making the environment in $(VENV): about 3 GB to download, 5 GB on disk, some minutes."
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r requirements-dev.txt
	touch $(READY)

clean:
	rm -rf .venv
