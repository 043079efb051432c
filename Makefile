# `make demo` and `make test` need nothing but Python 3.11+; each sets up .venv once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test gpu browser lessons results sync clean help

help:            ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): settings.ini setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"sslkit needs Python 3.11 or later, this is {sys.version.split()[0]}; name another with: make PYTHON=python3.12 ...") if sys.version_info < (3,11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(READY)   ## pretrain MoCo v2 on embedded images, report in runs/demo (3 minutes on 2 cores)
	$(BIN)/sslkit demo

test: $(READY)   ## every notebook on a tiny budget, the tests, the widgets in a browser
	$(BIN)/python tools/run_tests.py

gpu: $(READY)     ## the tests that need a CUDA device
	$(BIN)/python -m pytest tests/gpu

browser: $(READY) ## the widgets in JupyterLab, Voila and from files (needs Chromium)
	$(BIN)/python -m pytest tests/browser

lessons: $(READY) ## run every notebook in full and store its outputs
	$(BIN)/python tools/lessons.py && $(BIN)/python tools/readme.py

results: demo    ## run the demo and store its table and picture for the README
	cp runs/demo/results.json benchmarks/results/demo.json; cp runs/demo/report.png benchmarks/results/demo.png
	$(BIN)/python tools/lessons.py nbs/index.ipynb && $(BIN)/python tools/readme.py

sync: $(READY)   ## are notebooks, modules and tables in step?
	PATH="$(CURDIR)/$(BIN):$$PATH" tools/check_sync.sh

clean:           ## remove the environment and everything generated
	rm -rf .venv build dist *.egg-info runs .pytest_cache
