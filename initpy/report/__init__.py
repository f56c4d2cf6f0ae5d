"""Reports for the user: dependency tree, failure screen, timeline, pictures."""
