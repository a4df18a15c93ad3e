"""The program that runs on a Windows machine: PowerShell 5.1 files, and what joins, sends and reads them.

Nothing is installed there (docs/windows-payload.md). Standard library only, so that ``make payload`` needs no more.
"""
