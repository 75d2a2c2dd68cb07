"""EVSYS: a central system for electric-vehicle charging over OCPP."""
