"""Planning the vendor's Internet gateway on Windows: layouts ``smp-7`` and ``smp-8`` (IG-10)."""
