"""The estate as frozen models, and what follows from it alone. No I/O."""
