"""The steps from one schema to the next, run by Alembic (`evsys.store.migrating`)."""
