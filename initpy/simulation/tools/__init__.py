"""Models of the programs that jobs run."""
