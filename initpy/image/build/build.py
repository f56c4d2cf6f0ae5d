"""Builds an image: collects the content, tries it, writes the file and puts it in place."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from initpy.config.jobs import json_text
from initpy.image.build.assembly import Assembly
from initpy.image.build.configuration import take_configuration
from initpy.image.build.modules import collect_modules, module_tools
from initpy.image.build.output import image_mode, write_content, write_unified
from initpy.image.build.part import Part
from initpy.image.build.place import Claim, claim
from initpy.image.build.request import BuildRequest, checked
from initpy.image.build.timing import Clock, Progress, Step, silent
from initpy.image.build.trial import LIBRARY_CACHE, copy_of
from initpy.image.content import layout, manifest, networklibrary, python
from initpy.image.content.cache import Cache
from initpy.image.content.keys import crypttab_warnings
from initpy.image.content.needs import Needs, gather, load_jobs, without_network
from initpy.image.content.programs import Named, missing_modules, missing_tools
from initpy.image.content.recipe import project_folder
from initpy.image.formats import microcode
from initpy.image.formats.compress import Packing
from initpy.image.formats.compress import tools as compress_tools
from initpy.image.formats.decompress import reading_modules
from initpy.image.kernel import kmod
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.missing import IncompleteError
from initpy.image.stack import hostonly
from initpy.image.tree import Entry, File, Tree

# The programs that a build runs besides the compressor.
TOOLS = ("depmod", "modinfo", "ldconfig")


@dataclass(frozen=True, slots=True)
class Assembled:
    """The complete, checked content of an image."""

    tree: Tree
    warnings: tuple[str, ...]
    absent_firmware: tuple[tuple[str, str], ...]
    kernel: str
    absent_drivers: tuple[kmod.Want, ...]  # wanted but not required, and not in this kernel
    steps: tuple[Step, ...]
    own: bool = False  # host-only


@dataclass(frozen=True, slots=True)
class BuildReport:
    """The image that a build wrote, its size and duration."""

    output: Path
    size: int
    seconds: float
    assembled: Assembled
    microcode: int = 0  # bytes of the microcode archive


@dataclass(frozen=True, slots=True)
class _Collected:
    """The content before the trial."""

    assembly: Assembly
    checked: tuple[str, ...]
    absent_firmware: tuple[tuple[str, str], ...]
    absent_drivers: tuple[kmod.Want, ...]


def build(
    request: BuildRequest,
    progress: Progress = silent,
    *,
    accept: Callable[[Path], None] = lambda _: None,
    keep: int = 0,
    wait: bool = True,
) -> BuildReport:
    """Build the image and replace the old one, keeping `keep` previous images.

    `accept` gets the path of the finished image before it is put in place, and raises an exception
    to reject it. While another run writes the same image, this one waits, or raises BusyError.

    Raises InputError (unusable file or value), IncompleteError (with all missing items), ToolError
    or NoSpaceError; the old image then stays.
    """
    config = checked(request)
    with claim(request.output, progress if wait else None) as place:
        started = time.monotonic()
        early = microcode.segment(request.microcode, request.mtime) if request.microcode else b""
        clock = Clock(progress)
        cache = Cache(request.cache)
        collected = _collect(request, clock, cache, config)
        with clock.step("checking, compressing and writing"):
            warnings = _write(place, request, collected, config, early, cache)
        assembled = _assembled(request, collected, warnings, clock.steps)
        clock = Clock(progress)
        with clock.step("checking the image"):
            accept(place.temporary)
        with clock.step("putting it in place"):
            mode, output = image_mode(assembled.tree), request.output
            if request.tries is None:
                notes = place.put_in_place(mode, keep)
            else:
                notes, output = place.put_entry_in_place(mode, keep, request.tries)
        assembled = replace(
            assembled,
            steps=(*assembled.steps, *clock.steps),
            warnings=(*assembled.warnings, *notes),
        )
        seconds = time.monotonic() - started
    size = output.stat().st_size
    return BuildReport(output, size, seconds, assembled, len(early))


def _write(
    place: Claim,
    request: BuildRequest,
    collected: _Collected,
    config: KernelConfig | None,
    early: bytes,
    cache: Cache,
) -> tuple[str, ...]:
    """Write the image and run the trial during compression; return the trial's warnings.

    The trial starts after all files have been read. From then on the compressor has all its input
    and does not wait for this process.
    """
    tree = collected.assembly.tree
    branches = config is not None and config.unpacks_branches
    packing = Packing(request.compression, request.level, branches)
    with copy_of(tree) as copy, ThreadPoolExecutor(max_workers=1) as pool:
        linker_cache = pool.submit(copy.library_cache)
        trials: list[Future[tuple[str, ...]]] = []

        def late() -> Iterator[tuple[str, Entry]]:
            if linker_cache.exception() is None:  # .result() below raises it after the writing
                yield LIBRARY_CACHE, linker_cache.result()
                trials.append(pool.submit(copy.try_out, collected.checked))
                pool.submit(cache.save)

        if request.uki is None:
            write_content(place, tree, packing, request.mtime, early, late())
        else:
            write_unified(place, request.uki, tree, packing, request.mtime, early, late())
        found = linker_cache.result()
        warnings = trials[0].result()
    tree.add(LIBRARY_CACHE, found)
    return warnings


def _as_json(path: Path) -> tuple[str, File]:
    """Return path and entry of a validated job file in the image."""
    return f"/usr/lib/initpy/jobs/{path.stem}.json", File(json_text(path).encode())


def assemble(request: BuildRequest, progress: Progress = silent) -> Assembled:
    """Collect and check the image's content without writing it."""
    config = checked(request)
    clock = Clock(progress)
    collected = _collect(request, clock, Cache(request.cache), config)
    tree = collected.assembly.tree
    with clock.step("checking"), copy_of(tree) as copy:
        cache = copy.library_cache()
        warnings = copy.try_out(collected.checked)
        tree.add(LIBRARY_CACHE, cache)
    return _assembled(request, collected, warnings, clock.steps)


def _collect(
    request: BuildRequest, clock: Clock, cache: Cache, config: KernelConfig | None
) -> _Collected:
    """Collect the content of the image. Raises IncompleteError."""
    with clock.step("reading job files"):
        jobs = load_jobs(request.jobs)
        generic = request.stack is None
        local = without_network(jobs)
        lacks_library = generic and local != jobs and not networklibrary.is_installed()
        if not request.network or lacks_library:
            jobs = local
        if request.stack is not None:
            ours = project_folder("jobs")
            given = [file.source for file in jobs if Path(file.source).parent != ours]
            jobs = hostonly.chosen(jobs, request.stack, given)
        needs = gather(jobs, request.programs, request.drivers, generic=generic)
    assembly = Assembly()
    if request.network and lacks_library:
        assembly.warnings.append(networklibrary.warning())
    tools = missing_tools((*TOOLS, *compress_tools(request.compression), *module_tools(request)))
    assembly.missing.extend(tools)
    if request.proved:
        assembly.missing.extend(missing_modules(reading_modules(request.compression)))
    with ThreadPoolExecutor(max_workers=2) as pool:
        # Start this part first: it takes longest, in a child process.
        python_part = None
        if request.python:
            instructions = python.probe_input([each.name for each in needs.python], cache)
            python_part = pool.submit(_collect_python, instructions, cache)
        modules_part = pool.submit(collect_modules, request, needs, config, not tools)
        with clock.step("programs, rules and files"):
            _collect_programs(assembly, request, needs)
            for job in jobs:
                assembly.tree.add(*_as_json(Path(job.source)))
            assembly.read_ahead()
        with clock.step("kernel modules and Python"):
            parts = [modules_part.result()]
            if python_part is not None:
                parts.append(python_part.result())
    with clock.step("libraries"):
        for part in parts:
            assembly.add_entries(part.entries)
            assembly.missing.extend(part.missing)
            assembly.warnings.extend(part.warnings)
        identity = request.identity
        if identity is not None and identity.here:
            assembly.add_own(identity.base, (each.name for each in needs.of_machine))
        # The request's files come last and replace all others.
        assembly.add_placed(request.files)
        if request.init is not None:
            assembly.tree.add("/init", File(request.init, 0o755), replace=True)
        if request.python:
            wishes = manifest.wishes(
                needs,
                [each for part in parts for each in part.wanted],
                request.recipe_programs,
                dict(request.recipe_reasons),
                [path for _, path in request.files],
            )
            assembly.tree.add(manifest.PATH, manifest.pack(wishes))
        assembly.close([opened for part in parts for opened in part.opened])
    if assembly.missing:
        raise IncompleteError(assembly.missing)
    return _Collected(
        assembly,
        checked=tuple(name for part in parts for name in part.checked),
        absent_firmware=tuple(pair for part in parts for pair in part.absent_firmware),
        absent_drivers=tuple(want for part in parts for want in part.absent_drivers),
    )


def _assembled(
    request: BuildRequest, collected: _Collected, warnings: Sequence[str], steps: Sequence[Step]
) -> Assembled:
    assembly = collected.assembly
    return Assembled(
        tree=assembly.tree,
        warnings=(*assembly.warnings, *warnings, *crypttab_warnings(assembly.tree)),
        absent_firmware=collected.absent_firmware,
        kernel=request.kernel,
        absent_drivers=collected.absent_drivers,
        steps=tuple(steps),
        own=request.stack is not None,
    )


def _collect_programs(assembly: Assembly, request: BuildRequest, needs: Needs) -> None:
    layout.add_layout(assembly.tree)
    assembly.tree.add("/etc/initrd-release", File(layout.release()))
    assembly.add_programs(needs.programs)
    recipe = (Named(name, manifest.RECIPE) for name in request.recipe_programs)
    assembly.add_programs(recipe, required=False)
    assembly.add_rules(needs.rules, request.rules)
    assembly.add_files(needs.files, needs.optional)
    take_configuration(assembly, request)


def _collect_python(instructions: bytes, cache: Cache) -> Part:
    """Collect the interpreter, its modules as bytecode, and the scripts that start it."""
    interpreter = python.find_interpreter()
    modules = python.collect(interpreter, instructions)
    if modules.missing:
        return Part({}, modules.missing)
    entries: dict[str, Entry] = {
        python.in_image(module, interpreter): File(module.source)
        for module in modules.found
        if module.extension
    }
    compiled = python.compiled(interpreter, modules.found, cache)
    entries.update({path: File(data) for path, data in compiled.items()})
    entries[f"/usr/bin/python{interpreter.version}"] = File(interpreter.program, 0o755)
    entries.update(layout.entry_points(interpreter.version))
    names = tuple(module.name for module in modules.found)
    opened = tuple((python.OPENED[name], name) for name in names if name in python.OPENED)
    return Part(entries, (), checked=names, opened=opened)
