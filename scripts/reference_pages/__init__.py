"""The reference pages of docs/ that follow from the code: settings, commands, errors, tables, functions, Python API."""
