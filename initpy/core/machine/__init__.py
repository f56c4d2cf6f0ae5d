"""What every job goes through: whether it is wanted, its command, the rules of its states."""
