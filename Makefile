# make demo, make test, make panel, make screenshots: each sets itself up in .venv.

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PANELS_READY := $(VENV)/.panels-ready

PANEL ?= MRStyleTransfer

.PHONY: demo test lint panel screenshots cmake-lists clean

# torch first: the CPU build is small and enough; extras that need torch then find it there.
$(READY): pyproject.toml trainer/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[qa,test]" -e trainer
	touch $@

# Slicer's scene and Qt: large, and only the panels need them.
$(PANELS_READY): $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[panels]"
	touch $@

demo: $(READY)
	mkdir -p demo
	$(BIN)/mrstyle phantom -o demo --seed 1 --contrast T1w --field 3
	$(BIN)/mrstyle phantom -o demo --seed 2 --contrast T2w --field 1.5
	$(BIN)/mrstyle transfer demo/sub-01_T1w.nii.gz demo/sub-02_T2w.nii.gz \
		-o demo/styled.nii.gz --maps demo/maps --report demo/report.html
	$(BIN)/mrstyle synthesize demo/sub-01_T1w.nii.gz -o demo/sub-01_{preset}.nii.gz --preset T2w --preset FLAIR --maps demo/tissue
	$(BIN)/mrstyle phantom -o demo --seed 3 --site sim-3T-surface-coil
	$(BIN)/mrstyle harmonize demo/sub-03_acq-sim3Tsurfacecoil_T1w.nii.gz --site sim-3T-mprage -o demo/harmonized
	$(BIN)/mrstyle dce MRStyleTransfer/Resources/SampleData/MRStyleKidneyDCE.seq.nrrd --model dce-kidney-2d \
		--enhancement baseline -o demo/kidney_without.nii.gz
	@echo "Open demo/report.html in a browser, and demo/sub-01_FLAIR.nii.gz in a viewer."

test: lint $(PANELS_READY)
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest Testing/panels

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A panel in a window, on Slicer's real scene but without Slicer; see Testing/host.
panel: $(PANELS_READY)
	$(BIN)/python Testing/host/open_panel.py $(PANEL)

screenshots: $(PANELS_READY)
	$(BIN)/python Testing/host/screenshots.py

# After files of the extension were added or removed.
cmake-lists: $(READY)
	$(BIN)/python Testing/static/cmake_lists.py --write

clean:
	rm -rf $(VENV) demo
