"""Compare initpy with initramfs-tools and dracut: boot time, image size, build time, memory.

Each contender builds its generic image for the same kernel, and a host-only image
for ext4 on LVM on LUKS2 on RAID1 on virtio. The peers would examine the machine that
they run on; the bench passes them the facts instead. The images boot the same disks
on the same machine, one at a time and in turns, so that load on this host affects all
alike.

The bench measures guest time by the kernel's time stamps, from `Run /init as init
process` to the first line of the real init: on plain ext4, on ext4 on LVM on LUKS2
on RAID1 with the passphrase typed 1 s after the prompt, and on an NFS root by DHCP. Its
servers run in User Mode Linux on this host; dracut has an image of its own for it, with
its modules for the network.

With --steady the guest's clock counts executed instructions, 2 ns each, on one
processor. Two runs then differ by about 1 %, whatever the load on this host, so that
small changes show. But work that overlaps on two processors adds up, and the cost of
emulation (for code that runs once, as in many short programs) does not count.

Then follow adverse boots, once each, for their outcome: a passphrase typed late,
arrays with missing or late members. They are scenarios of tests/scenarios, adapted to
each contender.

initramfs-tools takes part twice: with the hooks of mdadm, LVM and cryptsetup, to match
the features of initpy's image, and bare, which boots plain ext4 faster. The targets
apply to both.

The bench builds the peers in their own small Debian systems in ~/.cache/initpy/peers
(created once by debootstrap; needs root, the network and 1.2 GB). It installs nothing
on this machine. It reports a peer that cannot be built or does not boot.

examples:
  make bench                          5 boots each, all images built (about 40 minutes)
  .venv/bin/python qemu/bench.py --runs 11 --json figures.json
                                      narrower figures, and every single value in a file
  .venv/bin/python qemu/bench.py --quick --course plain --only initpy
                                      one boot, images from the cache
  .venv/bin/python qemu/bench.py --quick --steady --course plain --only initpy
                                      the same, to see whether a change helps
  .venv/bin/python qemu/bench.py --simulation
                                      only the speed of the simulator

exit status: 0 if the measurement is complete, whether targets are met or not; 2 for
wrong usage, 3 if the lab failed, 130 if interrupted (shows the figures so far).
"""

import argparse
import json
import os
import sys
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.process import ToolError
from initpy.lab import enginecost
from initpy.lab.adverse import ADVERSE, Trial, trials
from initpy.lab.benchmark import (
    Boot,
    Memory,
    clock,
    measure_memory,
    own_images,
    pairs,
    rounds,
)
from initpy.lab.comparison import Comparison, as_json, render
from initpy.lab.contenders import INITPY, given_image, prepare_contenders
from initpy.lab.courses import COURSES, NESTED
from initpy.lab.errors import LabError
from initpy.lab.kernels import lab_kernel
from initpy.lab.machine import machine_folder
from initpy.lab.peers import PEERS
from initpy.lab.prepare import prepare
from initpy.scenario.model import MachineKind
from initpy.scenario.parse import load_scenario
from initpy.simulation.explore import speed

NAMES = (INITPY, *(peer.name for peer in PEERS))


def say(line: str) -> None:
    """Print a line of progress."""
    print(f"bench: {line}", flush=True)


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="qemu/bench.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--runs", type=positive, metavar="N", help="boots of each contender (default 5; quick: 1)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one boot each, with images from the cache"
    )
    parser.add_argument(
        "--steady",
        action="store_true",
        help="guest time counts instructions, on one processor: load on the host does not matter, "
        "but the targets do not apply",
    )
    parser.add_argument(
        "--engine",
        action="store_true",
        help="only the engine's cost per event with 100, 1,000 and 10,000 disks",
    )
    parser.add_argument(
        "--simulation",
        action="store_true",
        help="only the simulator's speed: boots per second, 10,000 disks, the command",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value to a file")
    parser.add_argument(
        "--course",
        choices=[course.key for course in (*COURSES, *ADVERSE)],
        action="append",
        metavar="NAME",
        help="only this course or this adverse boot: "
        + ", ".join(course.key for course in (*COURSES, *ADVERSE))
        + " (may be given several times)",
    )
    parser.add_argument(
        "--image",
        metavar="NAME=FILE",
        type=named_image,
        action="append",
        default=[],
        help="also boot this image of initpy, built elsewhere (may be given several times)",
    )
    parser.add_argument(
        "--only",
        choices=NAMES,
        action="append",
        help="boot only this contender (may be given several times)",
    )
    arguments = parser.parse_args(words)
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: expected a file in a folder that exists")
    return arguments


def named_image(text: str) -> tuple[str, Path]:
    """Parse NAME=FILE."""
    name, equals, file = text.partition("=")
    if not name or not equals or not Path(file).is_file():
        raise argparse.ArgumentTypeError(f"{text}: expected a name, = and an image that exists")
    return name, Path(file)


def positive(text: str) -> int:
    """Parse a number of boots."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of 1 or more")
    return number


def measure(arguments: argparse.Namespace, folder: Path) -> tuple[Comparison, bool]:
    """Build, boot and measure; return the results and whether they are complete."""
    kernel = lab_kernel()
    courses, hard = (
        tuple(c for c in those if not arguments.course or c.key in arguments.course)
        for those in (COURSES, ADVERSE)
    )
    runs = arguments.runs or (1 if arguments.quick else 5)
    load = os.getloadavg()[0]
    if load > 1.0 and not arguments.steady:
        say(f"this host is busy (load {load:.1f}): the figures will be inexact; see --steady")
    contenders = prepare_contenders(
        kernel, folder, arguments.only or NAMES, fresh=not arguments.quick, progress=say
    )
    contenders += tuple(given_image(name, file) for name, file in arguments.image)
    images = [each.built.image for each in contenders if each.built is not None]
    if not images:
        raise LabError("\n".join(each.trouble for each in contenders))
    files = [course.file for course in (*courses, *hard)]
    scenarios = [load_scenario(file) for file in files]
    bench = prepare(scenarios, images[0], say, MachineKind.QEMU).of(scenarios[0])
    time = clock(bench.accelerator, steady=arguments.steady)
    boots: list[Boot] = []
    own: list[Boot] = []
    tried: list[Trial] = []
    memory: Memory | str | None = None
    complete = False
    try:
        if courses and contenders[0].peer is None:
            say("measuring initpy's memory while it asks for a passphrase")
            memory = measure_memory(contenders[0], bench, folder)
        total = runs * len(pairs(contenders, courses))
        for number, boot in enumerate(rounds(contenders, courses, runs, bench, time), 1):
            boots.append(boot)
            result = boot.trouble if boot.guest is None else f"{boot.guest:.2f} s"
            say(f"[{number}/{total}] {boot.course}, {boot.contender}: {result}")
        for boot in own_images(contenders, bench, time) if NESTED in courses else ():
            own.append(boot)
            result = boot.trouble if boot.guest is None else f"{boot.guest:.2f} s"
            say(f"{boot.course}, {boot.contender}'s host-only image: {result}")
        for trial in trials(contenders, hard, bench, time):
            tried.append(trial)
            say(f"{trial.course}, {trial.contender}: {trial.outcome}")
        complete = True
    except KeyboardInterrupt:
        say("interrupted; the figures so far:")
    found = Comparison(
        kernel.version,
        time.name,
        (load, os.getloadavg()[0]),
        courses,
        contenders,
        tuple(boots),
        memory,
        tuple(tried),
        tuple(own),
        judged=not arguments.steady,
    )
    return found, complete


def _simulator() -> str:
    """Return the simulator's speed, as text."""
    return speed.render(speed.measure())


def main(words: list[str]) -> int:
    """Measure, print, and write the JSON file if requested; return the exit status."""
    arguments = parse(words)
    if arguments.engine:
        print(enginecost.render(enginecost.measure()))
        return 0
    if arguments.simulation:
        print(_simulator())
        return 0
    try:
        with machine_folder() as folder:
            found, complete = measure(arguments, folder)
    except (LabError, ToolError, InputError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 3
    except KeyboardInterrupt:
        print("bench: interrupted before the first boot", file=sys.stderr)
        return 130
    print(f"\n{render(found)}")
    if not arguments.course and not arguments.only:
        print(f"\n{enginecost.render(enginecost.measure())}")
        print(f"\n{_simulator()}")
    if arguments.json:
        try:
            arguments.json.write_text(json.dumps(as_json(found), indent=1) + "\n")
        except OSError as error:
            print(f"bench: --json {arguments.json}: {error.strerror}", file=sys.stderr)
            return 3
    return 0 if complete else 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
