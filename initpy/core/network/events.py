"""What happens on the network. Links appear, change and go as other subjects do."""

from initpy.core.network.values import Reply
from initpy.core.tuples import NamedTuple


class DhcpReceived(NamedTuple):
    """A DHCP server has answered on a link."""

    link: str
    reply: Reply


class DhcpMalformed(NamedTuple):
    """A DHCP message on a link could not be decoded, and was dropped."""

    link: str
    error: str


class LinkConfigured(NamedTuple):
    """The link has what `Configure` of this number asked for, or cannot have it (`error`)."""

    link: str
    number: int
    error: str = ""


class LinkMade(NamedTuple):
    """A link was made, or cannot be (`error`)."""

    link: str
    error: str = ""


class LinkJoined(NamedTuple):
    """A link has become a member of a bond or bridge, or cannot (`error`)."""

    link: str
    master: str
    error: str = ""


class Resolved(NamedTuple):
    """The addresses of a host, the best first, or why there are none."""

    host: str
    addresses: tuple[str, ...] = ()
    error: str = ""


NetworkEvent = DhcpReceived | DhcpMalformed | LinkConfigured | LinkMade | LinkJoined | Resolved
