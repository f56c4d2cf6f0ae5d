"""Jobs: definitions, their instances, and the hooks by which the rest of the core takes part."""
