"""Keys of NVMe in what nvme-cli prints: it shows them in some messages of a failed connection."""

import re

# The representations of the specification: DH-HMAC-CHAP, TLS.
KEYS = re.compile(r"(DHHC-1:[0-9]{2}:|NVMeTLSkey-1:[0-9]{2}:)[A-Za-z0-9+/=]+:?")


def without_keys(text: str) -> str:
    """Return the text without what is secret of keys in it."""
    return KEYS.sub(r"\1…", text)
