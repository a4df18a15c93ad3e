"""What GitHub and GitLab make of Markdown: how it is parsed, and what they look for in the text afterwards."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ACTIVE = re.compile(r"@(?!\u200b)\S|[#!%&~^$][\w\"']|://|www\.|GH-\d|:[\w+-]*[a-z_+][\w+-]*:|\[[\w-]+:", re.IGNORECASE)
"""Mentions, references, addresses, pictures."""
