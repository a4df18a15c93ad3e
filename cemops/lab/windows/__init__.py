"""Stand-ins for Windows machines: a WinRM endpoint and TLS listeners over a small model of Windows.

They are stand-ins and are called so everywhere; docs/windows.md says what they can and cannot show.
"""
