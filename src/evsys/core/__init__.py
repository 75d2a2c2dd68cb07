"""The core: what a central system knows and decides, in the newest standard's nouns, without I/O and without
a clock."""
