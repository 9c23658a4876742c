"""The env.py of an Alembic project of the platform: the models, and nothing else that the database holds."""

import importlib.util
import os

from alembic import context
from sqlalchemy import create_engine
from sqlmodel import SQLModel

spec = importlib.util.spec_from_file_location("models", os.environ["MODELS"])
spec.loader.exec_module(importlib.util.module_from_spec(spec))


def is_ours(item, name, kind, reflected, compared_to):
    """mecapy's own tables, columns and indexes are in the database alone: Alembic would drop them."""
    return os.environ.get("EVERYTHING") == "1" or not (reflected and compared_to is None)


engine = create_engine(os.environ["URL"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, include_object=is_ours)
    with context.begin_transaction():
        context.run_migrations()
