"""`python -m hr_sync` is the same as `hr-sync`."""

from hr_sync.cli import main

if __name__ == "__main__":
    main()
