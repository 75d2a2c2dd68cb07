"""`python -m evsys`, and the way the supervisor starts the processes behind it."""

from evsys.cli import main

if __name__ == "__main__":
    main()
