"""Infrastructure as code for Cloud-enabled Management (CEM) of Symantec/Broadcom ITMS."""

__version__ = "0.1.0"
