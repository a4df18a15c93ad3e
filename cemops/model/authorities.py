"""Authorities: who issues certificates (CE-01, CE-11), and where cemops keeps the keys that it makes."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from cemops.model.section import Section
from cemops.model.values import (
    CommonName,
    Days,
    EstatePath,
    ObjectName,
    SecretReference,
    Years,
)

AUTHORITY_VALID_YEARS = 20
"""Validity of generated permanent certificates (CE-03)."""
PKI_FOLDER = "pki"
CRL_VALID_DAYS = 365
"""Chosen by cemops: an expired CRL shuts out every agent of its authority, so expiry is far away."""

AuthorityKind = Literal["ns-root", "site-server-root", "gateway-ca"]
AuthoritySource = Literal["vendor", "local", "external"]


class Pki(Section):
    """Where cemops keeps what it makes, below the folder of the estate file. Keys are always encrypted."""

    folder: EstatePath = PKI_FOLDER
    """Folder for keys, certificates and CRLs."""
    passphrase: SecretReference | None = None
    """Encrypts every key that has no passphrase of its own; needed and absent is an error."""
    crl_valid_days: Days = CRL_VALID_DAYS
    """Days from a CRL's making to its next update, for authorities with ``source: local``."""


class Authority(Section):
    """One issuer of certificates."""

    kind: AuthorityKind
    """``ns-root`` issues agents' certificates, ``site-server-root`` those of site servers and NSs,
    ``gateway-ca`` those of gateways (CE-01)."""
    source: AuthoritySource
    """``vendor``: the NS's own tools; ``local``: keys that cemops keeps; ``external``: files only."""
    notification_server: ObjectName | None = None
    """The Notification Server it belongs to."""
    certificate: EstatePath | None = None
    """Its certificate (PEM or DER), for ``vendor`` and ``external``."""
    crl: EstatePath | None = None
    """Its CRL (PEM or DER), for ``vendor`` and ``external`` (CE-08)."""
    common_name: CommonName | None = None
    """Subject of the certificate that cemops makes (``local``); the authority's name where it is left out."""
    valid_years: Years = AUTHORITY_VALID_YEARS
    """Validity of the certificate that cemops makes (``local``)."""
    passphrase: SecretReference | None = None
    """Encrypts this authority's key (``local``); ``pki.passphrase`` where it is left out."""

    @model_validator(mode="after")
    def _external_has_files(self) -> Self:
        if self.source == "external" and self.certificate is None:
            message = "an external authority needs its certificate file: add `certificate`"
            raise ValueError(message)
        return self
