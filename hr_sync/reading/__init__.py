"""What consumers ask of the mirror: one function for each question, over what the worker stores. Reads only."""
