"""The running stations: their connections, their turns, the calls to them, and what EVSYS does of itself."""
