"""plan and apply start with validate: an estate with errors is never acted on."""

from __future__ import annotations

from datetime import datetime

from cemops.cli.messages import say
from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.execution.validation import validate_loaded
from cemops.model.counting import counted
from cemops.rendering.findings import findings_text
from cemops.rules.framework import Severity
from cemops.rules.judgement import count


def stop_on_errors(context: EstateContext, now: datetime) -> None:
    """Judge the estate; raise CemopsError (1), after showing the findings, if one is an error."""
    validation = validate_loaded(context.loaded, now)
    if validation.errors:
        say(findings_text(validation.findings, validation.file))
        raise CemopsError(
            f"{context.loaded.path} has {counted(validation.errors, 'error')}, see above; nothing was planned"
        )
    warnings = count(validation.findings, Severity.WARNING)
    if warnings:
        say(f"{context.loaded.path} has {counted(warnings, 'warning')}: see `cemops validate`")
