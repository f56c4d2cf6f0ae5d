# initpy's commands. Every target sets up what it needs first; the set-up is idempotent and its
# second run takes a fraction of a second.
.PHONY: help setup demo test lint unit quick-boots other-debian boots record bench clean \
    distclean install uninstall

PYTHON := .venv/bin/python
# Machines at a time in the boot tests: more than processors, as some wait for their timers.
JOBS ?= 4
DEMO := qemu/demo.toml
# Where `make install` puts initpy; DESTDIR is a folder that becomes the root of a system.
PREFIX ?= /usr/local
DESTDIR ?=

help:
	@echo "make demo        boot ext4 on LVM on LUKS2 on RAID1; you type the passphrase"
	@echo "make demo AUTO=1 the same, the passphrase is typed for you"
	@echo "make test        lint, types, unit tests, the quick boots and the other Debian"
	@echo "make lint        ruff and mypy"
	@echo "make unit        tests without a virtual machine"
	@echo "make quick-boots boots of real disks in virtual machines, JOBS=$(JOBS) at a time"
	@echo "make other-debian  lint, types, unit tests and boots in Debian 13 on a 12, in Debian 12 on a 13"
	@echo "make boots       the full matrix: all that boots (docs/testing.md)"
	@echo "make record      boot and record the journals that the conformance test replays"
	@echo "make bench       boot time against initramfs-tools and dracut"
	@echo "make setup       packages, .venv and a kernel for the lab (Debian 12 or 13)"
	@echo "make install     initpy and its hooks for new kernels, for this system: PREFIX=$(PREFIX) DESTDIR="
	@echo "make uninstall   remove these; images stay"
	@echo "make clean       remove cached images, disks and logs"
	@echo "make distclean   remove .venv and the unpacked kernels too"

setup:
	@qemu/setup.sh

demo: setup
ifdef AUTO
	@$(PYTHON) -m initpy boot --show --timeline $(DEMO)
else
	@echo 'demo: the passphrase is "correct horse" (without the quotes); Ctrl-] leaves'
	@$(PYTHON) -m initpy boot --interactive --timeline $(DEMO)
endif

test: lint unit quick-boots other-debian

lint: setup
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

unit: setup
	$(PYTHON) -m pytest -m "not boot and not slow" -n 2 --dist worksteal

# Scheduled one by one, so that a long boot does not wait behind another.
quick-boots: setup
	INITPY_LAB_PROCESSORS=1 $(PYTHON) -m pytest -m "boot and not slow" -n $(JOBS) --dist worksteal tests/boot

other-debian: setup
	@qemu/other-debian.sh

# Two at a time: some emulate hundreds of disks, and root has a deadline.
boots: setup
	$(PYTHON) -m pytest -m "boot or slow" -n 2 --dist worksteal

# After a change of the core that is meant; `initpy replay` shows what has changed.
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
	    "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy/disks" "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy/logs" \
	    "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy/compiled"
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis

distclean: clean
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/initpy" .venv initpy.egg-info
