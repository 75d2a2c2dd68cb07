"""How Alembic reaches the database: through the connection that `evsys.store.migrating` hands over."""

from alembic import context

from evsys.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
