"""The state of a boot: one owner a module, which alone changes it; the context has them all."""
