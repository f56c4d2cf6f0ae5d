"""How the kernel names the devices that have to be taken down at shutdown."""

MAPPING, ARRAY, LOOP, NETWORK, CACHE = "dm-", "md", "loop", "nbd", "bcache"
PREFIXES = (MAPPING, ARRAY, LOOP, NETWORK, CACHE)
CACHE_SET = "cache-set/"  # our name for bcache's cache, which is no device of its own
