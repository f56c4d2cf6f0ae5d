"""The network of the machine: carries out what the core decides of it, imported where it does.

Programs of the kernel's interfaces are pyroute2's as far as they go. Importing pyroute2 runs its
`__init__`, which loads all of its modules, 160 of them; `library` loads single ones without it.
"""
