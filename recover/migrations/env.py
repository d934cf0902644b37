"""How Alembic reaches the database: the URL of `recover.foundation.upgrade`, or the settings'."""

from alembic import context

import recover.models  # noqa: F401 - registers the tables
from recover.foundation import config
from recover.foundation.database import Base, make_engine


def run() -> None:
    url = context.config.attributes.get("database_url") or config.load().database_url
    engine = make_engine(url)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            # A batch copies the table on SQLite, which rows that refer to it forbid.
            render_as_batch=False,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
