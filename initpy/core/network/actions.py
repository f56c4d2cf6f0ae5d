"""What the boot wants done with the network."""

from initpy.core.netsettings import VirtualLink
from initpy.core.network.values import LinkConfig, Request
from initpy.core.tuples import NamedTuple


class SwitchLink(NamedTuple):
    """Set a link up or down. Shows as a change of the link, as its carrier does.

    `mac`: the MAC address to give it before it is set up; "" leaves the one that it has.
    """

    link: str
    up: bool
    mac: str = ""


class RenameLink(NamedTuple):
    """Give a link another name. Shows as a link that goes and another one that comes.

    `otherwise`: the name that it gets if another link has that one; "": it keeps its own.
    """

    link: str
    name: str
    otherwise: str = ""


class MakeLink(NamedTuple):
    """Make a link, down; one that is there and has no member yet gets its options.

    Answered by `LinkMade`.
    """

    link: VirtualLink


class JoinLink(NamedTuple):
    """Make a link a member of a bond (which takes it while it is down) or bridge.

    Answered by `LinkJoined`; it shows as a change of the link, too.
    """

    link: str
    master: str
    bond: bool


class RemoveLink(NamedTuple):
    """Remove a link that was made; its members are set down."""

    link: str


class AcceptRouters(NamedTuple):
    """Have the kernel take router advertisements on a link, and use their addresses at once."""

    link: str


class NameHost(NamedTuple):
    """Give the machine this name, unless it has one."""

    name: str


class SendDhcp(NamedTuple):
    """Send a message to the DHCP servers of a link, and hear them from now on.

    Answers are `DhcpReceived`, or `DhcpMalformed`.
    """

    link: str
    request: Request


class StopDhcp(NamedTuple):
    """Hear no DHCP server on this link any more."""

    link: str


class Configure(NamedTuple):
    """Give a link just this of one version of IP. The addresses of the other one stay.

    Answered by `LinkConfigured`; one that is so already, too.
    """

    link: str
    number: int
    config: LinkConfig
    version: int = 4


class Resolve(NamedTuple):
    """Find the address of a host; answered by `Resolved`."""

    host: str


NetworkAction = (
    SwitchLink
    | RenameLink
    | MakeLink
    | JoinLink
    | RemoveLink
    | NameHost
    | AcceptRouters
    | SendDhcp
    | StopDhcp
    | Configure
    | Resolve
)
