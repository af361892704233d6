"""The changes of the mirror, as consumers read them."""
