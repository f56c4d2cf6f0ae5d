"""The same core in a world where time is free: a world model, virtual time, a run loop (R31, R32).

The core's actions are carried out by models of the real tools, of udev and of people; what comes of
it goes back as events. Nothing here knows more of the core than its events and actions.
"""
