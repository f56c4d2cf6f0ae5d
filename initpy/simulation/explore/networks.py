"""Random networks: some of a world's disks are moved to a server, with the jobs that fetch them.

Drawn from a generator of its own, so that worlds without a network stay what they are.
"""

import random
from dataclasses import replace

from initpy.scenario.model import Disk, Scenario
from initpy.scenario.servers import Nic, Server, Times

SHARE = 0.2  # of the worlds
TIMES = (2.0, 5.0, 12.0, 20.0, 45.0, 70.0)
ADDRESS, TARGET, SCRIPT = "10.0.2.100", "iqn.2004-01.org.example:store", "/etc/initpy/lease"
JOB_FILE = "/etc/initpy/jobs/network.toml"
EXIT = "{ exit = true }"
PORTS = {"nbd": 10809, "iscsi": 3260}


def with_network(number: int, scenario: Scenario) -> Scenario:
    """The world of that number, perhaps with a network."""
    chance = random.Random(f"network {number}")
    if chance.random() >= SHARE:
        return scenario
    handled = {fault.argument for fault in scenario.faults}
    free = [d.name for d in scenario.disks if d.bus == "virtio" and d.name not in handled]
    if not free:
        return scenario
    chosen = chance.sample(free, min(len(free), chance.choice((1, 1, 1, 2))))
    kind = chance.choice(("nbd", "nbd", "iscsi"))
    lease = chance.choice((0.1, 0.5, 3.0, 8.0)) if chance.random() < 0.94 else None
    nic = Nic("eth0", _times(chance), lease)
    serves = tuple(name for name in free if name in chosen)
    server = Server(
        "store", kind, serves, "eth0", ADDRESS, PORTS[kind], _times(chance),
        TARGET if kind == "iscsi" else "",
    )  # fmt: skip
    disks = tuple(Disk(d.name, d.size) if d.name in chosen else d for d in scenario.disks)
    tries = chance.choice((3, 20)), chance.choice((3, 15, 60))
    jobs = (JOB_FILE, job_file(server, *tries, by_device=chance.random() < 0.5))
    return replace(
        scenario,
        disks=disks,
        files=(*scenario.files, jobs, (SCRIPT, "#!/bin/sh\n")),
        variant=replace(scenario.variant, own=(jobs,)),
        nics=(nic,),
        servers=(server,),
    )


def _times(chance: random.Random) -> Times:
    """Mostly from the start, or late; sometimes it goes again, or never comes."""
    kind = chance.choices(("start", "late", "goes", "never"), (50, 35, 9, 6))[0]
    up = 0.0 if kind == "start" else chance.choice((0.0, *TIMES)) if kind == "goes" else None
    if kind == "late":
        up = chance.choice(TIMES)
    if kind != "goes" or up is None:
        return Times(up)
    down = up + chance.choice(TIMES)
    return Times(up, down, down + chance.choice(TIMES) if chance.random() < 0.6 else None)


def job_file(server: Server, lease_tries: int, login_tries: int, *, by_device: bool = False) -> str:
    """What a user with such a server writes.

    `by_device`: a login to an NBD server is the job of each device that is not connected.
    """
    driver = ["nbd", "nbds_max=2"] if server.kind == "nbd" else ["iscsi_tcp"]
    jobs = [
        _job("net-card", ["modprobe", "virtio_net"]),
        _job("net-driver", ["modprobe", *driver], "reveals = true", _there(server)),
        _job("net-up", ["ip", "link", "set", "eth0", "up"], 'after = ["net-card"]'),
        _job(
            "net-lease",
            ["busybox", "udhcpc", "-i", "eth0", "-f", "-n", "-q", "-s", SCRIPT],
            f'after = ["net-up"]\ntries = {lease_tries}',
        ),
    ]
    last = 'after = ["net-driver", "net-lease"]\nreveals = true\nretry_after = 2\n'
    last += f"tries = {login_tries}"
    if server.kind == "nbd":
        for number, disk in enumerate(server.serves):
            name, node = f"net-login-{number}", f"nbd{number}"
            words = ["nbd-client", server.address, f"/dev/{node}", "-N", disk]
            if by_device:
                words[2] = "{DEVNAME}"
                match = f'match = {{ KERNEL = "{node}", size = "0" }}\n'
                jobs.append(_job(name, words, match + last, '{ subject = { size = "!0" } }', False))
            else:
                jobs.append(_job(name, words, last))
    else:
        words = ["iscsistart", "-i", "iqn.2004-01.org.example:me", "-t", server.target,
                 "-g", "1", "-a", server.address]  # fmt: skip
        fact = f'{{ device = {{ ID_SERIAL_SHORT = "{server.serves[0]}" }} }}'
        jobs.append(_job("net-login", words, last + "\ntimeout = 500", fact))
    image = (
        '[image]\nprograms = ["ip", "nbd-client", "iscsistart"]\n'
        f'modules = ["virtio_net", "{driver[0]}"]\n'
    )
    return "\n".join(['summary = "a storage server"', *jobs, image])


def _there(server: Server) -> str:
    """What shows that the driver is there."""
    return '{ device = { KERNEL = "nbd0" } }' if server.kind == "nbd" else EXIT


def _job(
    name: str, words: list[str], more: str = "", success: str = EXIT, once: bool = True
) -> str:
    if once:
        more = f"once = true\n{more}"
    run = ", ".join(f'"{each}"' for each in words)
    return (
        f'[[job]]\nname = "{name}"\ndoes = "{name}"\n{more}\nrun = [{run}]\nsuccess = {success}\n'
    )
