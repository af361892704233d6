"""The REST API v1: what is left of it on Cloud, all of it on Data Center. Where they differ, `shapes.py` tells."""
