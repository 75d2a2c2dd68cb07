"""The model profiles that come with the program (`known.yml`), and the reading of those and of others."""
