# Every target runs the set-up first; it is idempotent, and its second run takes a fraction of a
# second.
.PHONY: help setup demo test lint unit quick-boots other-debian boots record bench clean \
    distclean install uninstall

PYTHON := .venv/bin/python
# Machines to run in parallel in boot tests: more than processors, as some wait for their timers.
JOBS ?= 4
DEMO := qemu/demo.toml
# The prefix of `make install`; DESTDIR is the root of another system.
PREFIX ?= /usr/local
DESTDIR ?=

help:
	@echo "make demo         boot ext4 on LVM on LUKS2 on RAID1; you type the passphrase"
	@echo "make demo AUTO=1  the same; the lab types the passphrase"
	@echo "make test         lint, types, unit tests, quick boots, the other Debian"
	@echo "make lint         ruff and mypy"
	@echo "make unit         tests without a virtual machine"
	@echo "make quick-boots  boot real disks in virtual machines, JOBS=$(JOBS) in parallel"
	@echo "make other-debian run tests in Debian 13 on a Debian 12, and the reverse"
	@echo "make boots        the full matrix: every boot (docs/testing.md)"
	@echo "make record       record the journals that the conformance test replays"
	@echo "make bench        compare with initramfs-tools and dracut"
	@echo "make setup        packages, .venv and a kernel for the lab (Debian 12 or 13)"
	@echo "make install      install initpy and its kernel hooks: PREFIX=$(PREFIX) DESTDIR="
	@echo "make uninstall    remove initpy and its hooks; images stay"
	@echo "make clean        remove cached images, disks and logs"
	@echo "make distclean    also remove .venv and the unpacked kernels"

setup:
	@qemu/setup.sh

demo: setup
ifdef AUTO
	@$(PYTHON) -m initpy boot --show --timeline $(DEMO)
else
	@echo 'demo: the passphrase is "correct horse" (without the quotes); Ctrl-] ends'
	@$(PYTHON) -m initpy boot --interactive --timeline $(DEMO)
endif

test: lint unit quick-boots other-debian

lint: setup
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

unit: setup
	$(PYTHON) -m pytest -m "not boot and not slow" -n 2 --dist worksteal

# worksteal schedules boots one by one, so that a long boot does not wait behind another.
quick-boots: setup
	INITPY_LAB_PROCESSORS=1 $(PYTHON) -m pytest -m "boot and not slow" -n $(JOBS) --dist worksteal tests/boot

other-debian: setup
	@qemu/other-debian.sh

# Two in parallel: some boots emulate hundreds of disks, and root has a deadline.
boots: setup
	$(PYTHON) -m pytest -m "boot or slow" -n 2 --dist worksteal

# For intended changes of the core; `initpy replay` shows the changes.
record: setup
	$(PYTHON) qemu/record.py

bench: setup
	$(PYTHON) qemu/bench.py

install:
	@build/install.sh "$(PREFIX)" "$(DESTDIR)"

uninstall:
	rm -rf "$(DESTDIR)$(PREFIX)/lib/initpy" "$(DESTDIR)$(PREFIX)/bin/initpy" \
	    "$(DESTDIR)/var/cache/initpy"
	rm -f "$(DESTDIR)/etc/kernel/postinst.d/initpy" "$(DESTDIR)/etc/kernel/postrm.d/initpy" \
	    "$(DESTDIR)/etc/kernel/header_postinst.d/initpy" \
	    "$(DESTDIR)/usr/lib/kernel/install.d/50-initpy.install" \
	    "$(DESTDIR)/usr/lib/kernel/install.d/59-initpy.install" \
	    "$(DESTDIR)/usr/lib/kernel/install.d/86-initpy.install"

clean:
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy/images" \
	    "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy/disks" "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy/logs"
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis

distclean: clean
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy" .venv initpy.egg-info
