"""What the user asks for, and is asked: requests of the shell, confirmations."""
