"""What people read: the dependency tree, the timeline, the failure screen."""
