"""What the command line asks of the network, one module a grammar; `wish` puts it together.

The values are those of `core.netsettings`. Only a command line with one of these parameters, or
with a root on the network, has this package imported.
"""
