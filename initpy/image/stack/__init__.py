"""Describes the layers below a root file system, and selects what a host-only image needs."""
