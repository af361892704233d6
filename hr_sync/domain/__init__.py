"""The domain values and rules: pages, plans, reports. Pure: standard library only, no I/O."""
