"""What hr_sync thinks in: pages, plans, reports. Pure: standard library only, no I/O."""
