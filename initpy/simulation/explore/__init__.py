"""Random worlds: drawn, tried, shrunk, kept."""
