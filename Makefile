# make demo, make test: each sets itself up in .venv.

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint clean

# torch first: the CPU build is small and enough; extras that need torch then find it there.
$(READY): pyproject.toml trainer/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[qa,test]" -e trainer
	touch $@

demo: $(READY)
	mkdir -p demo
	$(BIN)/mrstyle phantom -o demo --seed 1 --contrast T1w --field 3
	$(BIN)/mrstyle phantom -o demo --seed 2 --contrast T2w --field 1.5
	$(BIN)/mrstyle transfer demo/sub-01_T1w.nii.gz demo/sub-02_T2w.nii.gz \
		-o demo/styled.nii.gz --maps demo/maps --report demo/report.html
	@echo "Open demo/report.html in a browser."

test: lint
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo
