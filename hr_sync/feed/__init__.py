"""Gives the changes of the mirror to consumers."""
