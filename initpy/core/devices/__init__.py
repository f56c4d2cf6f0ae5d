"""Block devices: the graph, and how users name them."""
