"""Measures hr-sync as a whole process, beside a worker as tutorials write it and the floor that the machine allows."""
