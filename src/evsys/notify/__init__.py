"""Where messages leave for people and programs: one file is one notifier."""
