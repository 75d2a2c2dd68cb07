"""One file per revision, numbered; each says in its first line what it is for."""
