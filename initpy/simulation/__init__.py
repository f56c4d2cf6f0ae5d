"""A world without Linux in it, in which the same core boots in virtual time."""
