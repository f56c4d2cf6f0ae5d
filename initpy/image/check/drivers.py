"""Checks that the driver of each layer is in the image and that it can be loaded there.

The installed kernel's indexes tell which module a name or alias stands for. The image's indexes
tell whether modprobe and udev would find that module. This file names no driver.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from initpy.config.commandline import parse
from initpy.config.errors import InputError
from initpy.image.check import loading, modprobed, rebuilt
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats import machines
from initpy.image.formats.archive import Archive
from initpy.image.formats.modinfo import DamagedModuleError, ModuleInfo
from initpy.image.kernel import charsets, firmware
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.kernel.kmod import IDLE_NETWORK, canonical
from initpy.image.kernel.moduletree import ModuleTree, loose, module_name
from initpy.image.stack.layers import Ask, Layer, Stack

FIRMWARE = "/lib/firmware"  # where the kernel looks
# The name of an algorithm is a guess from a cipher specification, see mapper.py.
TENTATIVE = ("crypto-",)
COMMAND_LINE = "the command line"
# Lists of modules: what no alias loads (modprobe.d(5), kmod reads it), and what the kernel refuses.
BY_ALIAS, ALWAYS = "modprobe.blacklist", "module_blacklist"
# What a sysctl of the command line says holds before /init starts (init/main.c).
NO_MODULES = ("nomodule", "sysctl.kernel.modules_disabled")
BUS = re.compile(r"[a-z0-9_]+:|block-major-")


class Drivers:
    """Checks the asks of layers against one image; checks each module once."""

    def __init__(
        self, archive: Archive, image: ModuleTree, kernel: ModuleTree | None, stack: Stack,
        host_firmware: Path = firmware.ROOT, config: KernelConfig | None = None, cmdline: str = "",
        *, woken: bool = False,
    ) -> None:  # fmt: skip
        """Take the module trees of one release; `kernel` is None if it is not installed.

        `woken`: the boot asks for a network, so that PID 1 lets udev load the drivers of cards.
        """
        self._archive = archive
        self._image = image
        self._kernel = kernel or image
        self._installed = kernel is not None
        self._stack = stack
        self._host_firmware = host_firmware
        self._config = config
        self._loose = {} if image.modules else loose(archive)
        self._looked_at: dict[str, str] = {}
        self._used: set[str] = set()
        blacklisted = dict.fromkeys(_listed(cmdline, BY_ALIAS), ("blacklist", COMMAND_LINE))
        self._modprobed = modprobed.read(archive, besides=IDLE_NETWORK if woken else "")
        self._blocked = blacklisted | self._modprobed.forbidden
        self._refused = frozenset(_listed(cmdline, ALWAYS))
        self._loaded = dict(stack.versions)
        self._options = [*loading.on_command_line(cmdline)]
        self._signed_only = loading.signatures_wanted(
            config, cmdline, locked_down=stack.locked_down
        )
        self._no_modules = _no_modules(cmdline)

    def rows(self, layer: Layer) -> Iterator[Row]:
        """Yield the rows for each driver of a layer, and for the needs of the drivers."""
        for ask in layer.asks:
            yield from map(self._elsewhere, self._ask(_title(layer), ask))

    def _elsewhere(self, row: Row) -> Row:
        """Return the row of a module that another generator keeps in a place of its own."""
        path = self._loose.get(row.module, "") if row.verdict is Verdict.MISSING else ""
        if not path:
            return row
        return replace(row, verdict=Verdict.OK, reason=f"{path}, which /init loads by itself")

    def rebuilt(self) -> Iterator[Row]:
        """Yield rows for the modules of these layers that the machine has in another build."""
        if self._kernel is not self._image:
            yield from rebuilt.rows("the image", self._used, self._image, self._kernel)

    def content(self, name: str) -> bytes | None:
        """Return the image's modules of a name and below; None if it is built in or absent."""
        for module in self._kernel.find(name):
            listed = self._image.dependencies.get(module, ())
            with suppress(DamagedModuleError, KeyError):
                return b"".join(self._image.content(module_name(each)) for each in listed) or None
        return None

    def loads(self, module: str) -> bool:
        """Return whether a module can be loaded from the image, or is built into the kernel."""
        return bool(self._kernel.built_in(module)) or not self._problem(module)

    def refusal(self, name: str) -> str:
        """Return why `modprobe NAME` fails in the image; "" if it does not, or nothing tells.

        modprobe knows what is built in by modules.builtin only.
        """
        if self._kernel.built_in(name):
            known = self._image.built_in(name) or not self._image.dependencies
            return "" if known else f"modules.builtin of the image lacks {name}, which is built in"
        problems = [self._problem(each) for each in self._kernel.find(name)]
        return problems[0] if problems and all(problems) else ""

    def _ask(self, layer: str, ask: Ask) -> Iterator[Row]:
        # The index of built-in aliases may be missing: the name of the driver in use follows.
        bound = ask.names[1:] if ask.works and BUS.match(ask.names[0]) else ()
        for name in ask.names:
            if part := next(filter(None, map(self._kernel.built_in, (name, *bound))), ""):
                yield Row(layer, ask.why, Verdict.OK, f"{part} is built into the kernel", part)
                return
            if candidates := self._kernel.find(name):
                yield from self._one_of(layer, ask, name, candidates)
                return
        yield self._without_module(layer, ask)

    def _one_of(
        self, layer: str, ask: Ask, name: str, candidates: tuple[str, ...]
    ) -> Iterator[Row]:
        """Check that one of the modules is usable: one in use on the described system, or any."""
        used = tuple(each for each in candidates if each in ask.using)
        wanted = used or candidates
        plain = canonical(name)
        problems = {
            each: self._problem(each)
            or self._diverted(name, each)
            or self._forbidden(each, by_alias=plain != each)
            for each in wanted
        }
        good = next((each for each, problem in problems.items() if not problem), None)
        if good is None:
            first = wanted[0]
            reason = problems[first]
            if not used and len(wanted) > 1:
                reason = f"none of {', '.join(wanted)} is usable: {reason}"
            yield Row(layer, ask.why, Verdict.MISSING, reason, first)
            return
        # `modprobe NAME` and the kernel's requests need the alias, which the image may lack.
        if plain != good and good not in self._image.find(name):
            reason = f"{good} is in the image, but the image's modules.alias lacks {name}"
            yield Row(layer, ask.why, Verdict.MISSING, reason, good)
            return
        path, *below = self._image.dependencies[good]
        depends = f", with {_names(below)}" if below else ""
        reason, verdict = f"{path}{depends}", Verdict.OK
        if gone := self._gone(ask):
            reason += (
                f"; {gone} drives it now, and kernel {self._kernel.release} has no such module"
            )
            verdict = Verdict.WARNING
        yield Row(layer, ask.why, verdict, reason, good)
        yield from self._needs_of(layer, good)

    def _gone(self, ask: Ask) -> str:
        """Return the driver that a device has here and the kernel does not; "" for none.

        Another one has its alias, and may be meant for another mode of the device.
        """
        if not (self._installed and ask.works and BUS.match(ask.names[0])):
            return ""
        known = any(self._kernel.find(each) or self._kernel.built_in(each) for each in ask.using)
        return "" if known or not ask.using else ask.using[0]

    def _without_module(self, layer: str, ask: Ask) -> Row:
        """Return the row for an ask of which the kernel knows no name."""
        name, release = ask.names[0], self._kernel.release
        same = release == self._stack.kernel
        if ask.using:
            module = ask.using[0]
            if not self._problem(module):
                return Row(layer, ask.why, Verdict.OK, self._image.modules[module], module)
            if not self._installed and not self._image.knows_built_in:
                reason = f"{module} drives it now, the image lacks it, and kernel {release} is not"
                verdict = Verdict.MISSING if same else Verdict.UNKNOWN
                reason = f"{reason} installed here: install it, or name its folder (--modules-dir)"
                return Row(layer, ask.why, verdict, reason, module)
            reason = f"{module} drives it now, but kernel {release} has no such module"
            reason += "" if same else "; an external module may not have been built for it yet"
            return Row(layer, ask.why, Verdict.MISSING, reason, module)
        # If the kernel is not installed, only a running kernel without modules is evidence.
        tree = self._kernel
        listed = bool(tree.modules or tree.dependencies) or tree.knows_built_in
        known = (self._installed and listed) or self._image.knows_built_in
        if ask.works and same and (known or not self._stack.in_use):
            reason = f"built in: it works on this kernel, which has no module {name}"
            return Row(layer, ask.why, Verdict.OK, reason)
        if not known:
            lacks = "has no modules here" if self._installed else "is not installed here"
            reason = f"{name}: kernel {release} {lacks}, so its drivers are unknown: "
            reason += "install it, or name its folder (--modules-dir)"
            return Row(layer, ask.why, Verdict.UNKNOWN, reason)
        # No index lists the devices of built-in drivers.
        if name.startswith(TENTATIVE) or (ask.works and BUS.match(name)):
            reason = f"kernel {release} has no module {name}; it is probably built in"
            return Row(layer, ask.why, Verdict.WARNING, reason)
        reason = f"kernel {release} has no driver for {name}, neither built in nor as a module"
        return Row(layer, ask.why, Verdict.MISSING, reason, ask.names[-1])

    def _problem(self, module: str) -> str:
        """Return why a module cannot be loaded from the image; "" if it can."""
        if module not in self._looked_at:
            self._looked_at[module] = next(self._problems(module), "")
        return self._looked_at[module]

    def _problems(self, module: str) -> Iterator[str]:
        listed = self._image.dependencies.get(module)
        if listed is None:
            if module in self._image.modules:
                yield f"{self._image.modules[module]} is in the image, but not in its modules.dep"
            yield f"{self._where(module)} is not in the image"
            return
        for path in listed:
            if path not in self._image.files:
                role = "" if path == listed[0] else f", which {module} depends on,"
                yield f"{path}{role} is in the image's modules.dep, but not in the image"
        # The list must have the dependencies in .modinfo and in the installed modules.dep.
        present = {module_name(each) for each in listed}
        wanted = {module_name(each) for each in self._kernel.dependencies.get(module, ())}
        try:
            info = self._image.info(module)
        except DamagedModuleError as error:
            yield f"{listed[0]}: {error}"
            return
        built_in = self._kernel.built_in
        lacking = sorted(each for each in {*info.depends, *wanted} - present if not built_in(each))
        if lacking:
            yield f"{module} depends on {', '.join(lacking)}, missing from the image's modules.dep"
        for name in sorted(present):
            yield from self._unfit(name)

    def _unfit(self, module: str) -> Iterator[str]:
        """Yield why the kernel would refuse a module."""
        try:
            info = self._image.info(module)
        except DamagedModuleError as error:
            yield f"{self._image.modules[module]}: {error}"
            return
        made_for = info.vermagic.partition(" ")[0]
        # A module may have no vermagic (modinfo stripped).
        if made_for and made_for != self._image.release:
            yield f"{module} was built for kernel {made_for}, not for {self._image.release}"
        if not machines.loads(self._stack.machine, info.kind):
            yield f"{module} is for another machine ({machines.name_of(info.kind)})"
        if why := loading.unsigned(module, info, self._signed_only):
            yield why
        given = [(*each, COMMAND_LINE) for name, *each in self._options if name == module]
        for name, value, where in (*self._modprobed.options.get(module, ()), *given):
            if kind := loading.refused(info, name, value):
                text = name if value is None else f"{name}={value}"
                yield f"{where} says {text} for {module}, which takes a number of the kind {kind}"

    def _diverted(self, name: str, module: str) -> str:
        """Return why modprobe of the image makes something else of a name than the module."""
        command, path = self._blocked.get(canonical(name), ("", ""))
        if command == modprobed.INSTALL:
            return f"{path} of the image has a command instead of {name} (install)"
        modules, path = self._modprobed.called(name)
        if modules and module not in modules:
            return f"{path} of the image says that {name} is {', '.join(modules)} (alias)"
        return ""

    def _forbidden(self, module: str, *, by_alias: bool) -> str:
        """Return why modprobe and udev of the image do not load a module that is there.

        A blacklist counts for aliases, by which udev and the kernel ask; a module that another
        one depends on is loaded all the same (modprobe.d(5)).
        """
        if self._no_modules:
            return f"{self._no_modules} on the command line makes the kernel load no module"
        for each in map(module_name, self._image.dependencies[module]):
            if each in self._refused:
                return f"{ALWAYS}= on the command line makes the kernel refuse {each}"
            command, path = self._blocked.get(each, ("", ""))
            if command == modprobed.INSTALL:
                return f"{path} of the image has a command instead of {each} (install)"
        command, path = self._blocked.get(module, ("", ""))
        if command and by_alias:
            where = path if path == COMMAND_LINE else f"{path} of the image"
            return f"{where} blacklists {module}, which its alias asks for"
        return ""

    def _where(self, module: str) -> str:
        """Return a module with its path in the installed kernel."""
        listed = self._kernel.dependencies.get(module)
        return f"{module} ({listed[0]})" if listed else module

    def _needs_of(self, layer: str, module: str) -> Iterator[Row]:
        """Check softdeps, character sets and firmware of a module and of its dependencies."""
        for path in self._image.dependencies[module]:
            name = module_name(path)
            self._used.add(name)
            info = self._image.info(name)
            if why := loading.outdated(path, info, self._loaded.get(name, "")):
                yield Row(layer, f"version of {name}", Verdict.WARNING, why, name)
            yield from self._soft(layer, name, info)
            yield from self._charsets(layer, name, info)
            yield from self._firmware(layer, name, info)

    def _soft(self, layer: str, module: str, info: ModuleInfo) -> Iterator[Row]:
        for wanted in info.soft:
            candidates = self._kernel.find(wanted)
            if self._kernel.built_in(wanted) or not candidates:
                continue
            present = [each for each in candidates if not self._problem(each)]
            held = next((each for each in candidates if each in self._stack.in_use), None)
            need = f"{wanted}, which {module} wants"
            if present:
                # One that is for some processors does not load on others.
                if held and held not in present and all(map(self._is_accelerator, present)):
                    reason = (
                        f"{', '.join(present)} may not work on this processor: {held} is in use"
                    )
                    yield Row(layer, need, Verdict.WARNING, reason, held)
                continue
            reason = f"none of {', '.join(candidates)} is in the image"
            if held is not None:
                reason = f"{reason}; {held} is in use on this system"
                yield Row(layer, need, Verdict.MISSING, reason, held)
            else:
                yield Row(layer, need, Verdict.WARNING, reason, candidates[0])

    def _is_accelerator(self, module: str) -> bool:
        """Return whether a module takes instructions that only some processors have."""
        path = self._image.dependencies[module][0]
        return "/arch/" in f"/{path}"

    def _charsets(self, layer: str, module: str, info: ModuleInfo) -> Iterator[Row]:
        """Check the character sets that a file system driver loads at mount time."""
        if not info.charsets or self._config is None:
            return
        for name in charsets.defaults(module, self._config):
            need = f"{name}, which {module} loads at mount time"
            if part := self._kernel.built_in(name):
                yield Row(layer, need, Verdict.OK, f"{part} is built into the kernel", part)
                continue
            for candidate in self._kernel.find(name)[:1]:
                problem = self._problem(candidate)
                bad = Verdict.WARNING if name == charsets.OWN else Verdict.MISSING
                reason = problem or self._image.modules[candidate]
                yield Row(layer, need, bad if problem else Verdict.OK, reason, candidate)

    def _firmware(self, layer: str, module: str, info: ModuleInfo) -> Iterator[Row]:
        release = self._image.release
        for name in info.firmware:
            if self._has_firmware(name):
                continue
            pairs = [(module, name)]
            here = firmware.find(pairs, release, self._host_firmware).files
            need = f"firmware of {module}"
            if here:
                reason = f"{name} is on this system, but not in the image"
                yield Row(layer, need, Verdict.MISSING, reason, module)
            else:
                reason = f"{name} is neither in the image nor on this system; not all need it"
                yield Row(layer, need, Verdict.WARNING, reason, module)

    def _has_firmware(self, name: str) -> bool:
        root = self._archive.resolve(FIRMWARE)
        folders = (each.replace("VERSION", self._image.release) for each in firmware.FOLDERS)
        places = [f"{root}/{folder}/{name}" for folder in folders if root is not None]
        if any(character in name for character in "*?["):
            patterns = [each.replace("/./", "/") for each in places]
            return any(
                Path(path).match(pattern.lstrip("/") + suffix)
                for path in self._archive.entries
                if "/firmware/" in path
                for pattern in patterns
                for suffix in firmware.SUFFIXES
            )
        return any(place + suffix in self._archive for place in places
                   for suffix in firmware.SUFFIXES)  # fmt: skip


def _title(layer: Layer) -> str:
    return f"{layer.name} ({layer.kind.value})"


def _names(paths: list[str]) -> str:
    return ", ".join(map(module_name, paths))


def _listed(cmdline: str, key: str) -> Iterator[str]:
    for each in parse(cmdline).parameters:
        if each.key.replace("-", "_") == key:
            yield from map(canonical, filter(None, (each.value or "").split(",")))


def _no_modules(cmdline: str) -> str:
    """Return the parameter that forbids all modules; "" for none."""
    said = {each.key: each for each in parse(cmdline).parameters if each.key in NO_MODULES}
    for key, each in said.items():
        with suppress(InputError):
            if each.flag():
                return key
    return ""
