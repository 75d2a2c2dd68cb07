"""The store: the only room that knows a database. One file of SQLite, one process that writes to it."""
