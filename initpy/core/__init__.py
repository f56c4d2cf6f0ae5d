"""The pure core: events and the time in, actions out. No clock, no file, no socket."""
