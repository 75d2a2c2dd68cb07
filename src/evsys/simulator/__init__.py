"""Charge points in software: for demonstrations, tests and load."""
