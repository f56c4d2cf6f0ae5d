"""What the job files of a scenario do to bring a network's disks in, as the oracle reads them.

It knows only jobs of the usual shape: one for the lease, one for each login. Where it does
not understand a file it is not sure, and what hangs on it is not judged.
"""

from collections.abc import Iterator
from typing import NamedTuple

from initpy.scenario.acts import NETWORK_DEEDS
from initpy.scenario.model import Scenario
from initpy.scenario.servers import Server
from initpy.simulation.oracle.cables import ENDLESS, OF_LEASES, is_plain, reachable, reachable_since
from initpy.simulation.oracle.jobs import Job, own_jobs, shipped_jobs

LEASE_SECONDS = 9.0  # that udhcpc tries, with its defaults
# What each job of the chain may take besides, on a machine that looks again for lost events.
SLACK = 30.0
SESSION_EXISTS = 15  # iscsiadm(8)


class Login(NamedTuple):
    """One disk, and the job that makes it appear."""

    disk: str
    server: Server
    job: Job
    node: str = ""  # the kernel's name of it, where the job says
    subject: str = ""  # how that of the job begins; empty: the job has one login

    def is_made(self, status: int | None) -> bool:
        """Whether a command that ended so has made it, or found it made by an engine before."""
        return status == 0 or (status == SESSION_EXISTS and self.server.kind == "iscsi")

    def is_by(self, key: str) -> bool:
        """Whether the instance of that key makes the login."""
        name, _, subject = key.partition("@")
        return name == self.job.name and subject.startswith(self.subject)


def logins(scenario: Scenario) -> tuple[Login, ...]:
    """The disks of servers that a job with `reveals` logs in to."""
    found = []
    for job in own_jobs(scenario) if scenario.servers else ():
        if job.reveals and (job.once or "{DEVNAME}" in job.run):
            found += _reveals(scenario, job)
    return (*found, *_named(scenario)) if scenario.servers else ()


def _named(scenario: Scenario) -> Iterator[Login]:
    """The disks of servers that the command line names, with the project's own jobs."""
    jobs, words = shipped_jobs(scenario), scenario.cmdline.split()
    exports = [word for word in words if word.startswith("netroot=nbd:")]
    for server in scenario.servers:
        for disk in server.serves:
            host = f"[{server.address}]" if ":" in server.address else server.address
            if server.kind == "iscsi" and f"netroot=iscsi:{host}::::{server.target}" in words:
                job = jobs["iscsi-login"]._replace(once=True)
                yield Login(disk, server, job, subject=f"target/{server.target}@")
            elif server.kind == "nbd" and (word := f"netroot=nbd:{host}:{disk}") in exports:
                node = f"nbd{exports.index(word)}"
                job = jobs["nbd-connect"]._replace(once=True)
                yield Login(disk, server, job, node, f"target/{node}")


def _reveals(scenario: Scenario, job: Job) -> list[Login]:
    words = job.run
    for server in scenario.servers:
        if words[:2] == ("nbd-client", server.address) and server.kind == "nbd":
            node = next((each for each in words if each.startswith("/dev/")), "")
            node = job.kernel or node
            named = words[words.index("-N") + 1] if "-N" in words else server.serves[0]
            return [Login(named, server, job, node.removeprefix("/dev/"))]
        if words[0] == "iscsistart" and server.target in words:
            return [Login(disk, server, job) for disk in server.serves]
    return []


def _has_script(scenario: Scenario, lease: Job) -> bool:
    """Whether what is to set the address is in the image; udhcpc's -s."""
    words = lease.run
    return "-s" not in words or words[words.index("-s") + 1] in dict(scenario.files)


def comes(scenario: Scenario, login: Login) -> tuple[float | None, bool]:
    """When the disk can be had at the earliest (None: never), and whether it is had for sure."""
    server = login.server
    if login.subject:
        return _is_named(scenario, server)
    nic = next(each for each in scenario.nics if each.name == server.nic)
    jobs = own_jobs(scenario)
    lease = next((job for job in jobs if "udhcpc" in job.run), None)
    faults = any(fault.deed in NETWORK_DEEDS for fault in scenario.faults)
    if faults or lease is None or not _has_script(scenario, lease):
        return 0.0, False
    if nic.lease is None or nic.carrier.up is None or server.times.up is None:
        return None, True
    at = max(nic.carrier.up + nic.lease, server.times.up)
    sure = nic.carrier.down is None and server.times.down is None and nic.lease < LEASE_SECONDS
    # Each try of the lease takes its time; a login without a server fails at once.
    asked = (lease.tries - 1) * (LEASE_SECONDS + lease.retry_after)
    tried = login.job.timeout if server.kind == "iscsi" else 0.0
    tried += (login.job.tries - 1) * (login.job.retry_after + tried)
    sure = sure and asked >= nic.carrier.up + SLACK and tried >= at + SLACK
    return at, sure


def _is_named(scenario: Scenario, server: Server) -> tuple[float | None, bool]:
    """The same for a server that the command line names: its jobs try as long as it takes."""
    named = "rd.iscsi.initiator=" in scenario.cmdline or server.kind != "iscsi"
    if not named or not is_plain(scenario, server):
        return 0.0, False
    spans = reachable(scenario, server)
    if not spans:
        # An address by a router, or a lease, lasts longer than what has given it.
        lasting = any(each.name in OF_LEASES and each.times.down for each in scenario.servers)
        return (0.0, False) if lasting else (None, True)
    for_good = len(spans) == 1 and spans[0][1] == ENDLESS
    faults = any(fault.deed in NETWORK_DEEDS for fault in scenario.faults)
    return spans[0][0], for_good and not faults and reachable_since(scenario, server) is not None
