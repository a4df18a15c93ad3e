"""What a Windows machine answers to ``state`` (docs/windows-payload.md), turned into ``ObservedWindows``."""
