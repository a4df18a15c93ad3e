"""What a leaf of the stand-in throws: what the .NET call on a Windows machine would."""

from __future__ import annotations


class LeafError(Exception):
    """A call failed; ``as_envelope`` is the ``error`` of the wire."""

    def __init__(self, message: str, *, kind: str = "System.Exception", hresult: int = 0x80131500) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.hresult = hresult

    def as_envelope(self) -> dict[str, str]:
        """Return the fields that the payload fills in from an exception."""
        return {
            "type": self.kind,
            "message": self.message,
            "hresult": f"0x{self.hresult:08X}",
            "id": self.kind.rpartition(".")[2],
            "stack": "",
        }


def no_such_store(store: str) -> LeafError:
    """What opening a missing certificate store for reading gives: ERROR_FILE_NOT_FOUND."""
    return LeafError(
        f"there is no store {store} in LocalMachine",
        kind="System.Security.Cryptography.CryptographicException",
        hresult=0x80070002,
    )


def wrong_pfx_password() -> LeafError:
    """What Windows says to a PFX that its password does not open: ERROR_INVALID_PASSWORD."""
    return LeafError(
        "The specified network password is not correct.",
        kind="System.Security.Cryptography.CryptographicException",
        hresult=0x80070056,
    )


def file_in_use(path: str) -> LeafError:
    """What a locked file gives: ERROR_SHARING_VIOLATION."""
    return LeafError(
        f"The process cannot access the file '{path}' because it is being used by another process.",
        kind="System.IO.IOException",
        hresult=0x80070020,
    )
