"""How the tables came to be: Alembic's steps, one module each in ``versions``."""
