"""The network that root is reached through: links, leases, and what servers export."""
