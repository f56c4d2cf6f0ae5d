"""The same core in a world where time is free: a world model, virtual time, a run loop (R31, R32).

Models of the real tools, of udev and of users carry out the core's actions; what comes of it goes
back as events. Nothing here knows more of the core than its events and actions.

The rooms are floors: each may import those above it in this list, never one below.

    world      agenda, devices, plans of disks, what chance does: data and the clock
    kernel     drivers, udev, mounts, processes: what changes the devices
    tools      the programs that job files run
    machine    engine, PID 1, consoles, users, the run from power-on to its end
    oracle     invariants, and what a scenario implies; journal: replay, agreement, pictures
    explore    random worlds, search, shrinking
"""
