"""The REST API v1: what is left of it on Cloud, all of it on Data Center. `shapes.py` holds where they differ."""
