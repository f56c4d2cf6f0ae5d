"""Takes root's storage down at shutdown: events in, actions out, like the boot's core (R21).

The exitrd (`initpy/runtime/exitrd/`) runs it, and the simulation does. It imports nothing of the
boot's core, since it has to be small: it is kept in memory while the real system runs.
"""
