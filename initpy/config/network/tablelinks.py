"""Tells which links of a table of the firmware a request means: of iSCSI (iBFT), of NVMe (NBFT)."""

from collections.abc import Sequence

from initpy.core.netsettings import LinkRequest


def meant(request: LinkRequest, there: Sequence[LinkRequest]) -> list[LinkRequest]:
    """Return the links of the table that `ip=ibft`, or `ip=INTERFACE:ibft`, means; `nbft` alike.

    An interface that is named gets the only link of the table. Of several the card's MAC address
    tells which it is, so that they are left as they are.
    """
    found = [each for each in there if request.match.mac in ("", each.match.mac)]
    if request.match.any or len(found) > 1:
        return found
    return [each._replace(match=request.match) for each in found]
