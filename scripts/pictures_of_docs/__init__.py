"""Draws the pictures of docs/pictures: ./scripts/pictures."""
