"""Authorities, certificates, keys and CRLs: what cemops makes and what it reads."""
