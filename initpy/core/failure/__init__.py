"""What the user sees when root does not come: the tree, the reasons, the advice, the countdown."""
