"""The program that changes a host is several files that become one text."""

from __future__ import annotations

import re
from collections import Counter

from cemops.execution.gateway_host import TRANSACTION


def test_no_part_defines_a_function_that_another_has_defined() -> None:
    defined = Counter(re.findall(r"^(\w+)\(\) \{", TRANSACTION, re.MULTILINE))

    assert len(defined) > 20
    assert [name for name, times in defined.items() if times > 1] == []


def test_every_verb_calls_a_function_that_is_there() -> None:
    called = set(re.findall(r"\) (do_\w+)", TRANSACTION))
    defined = set(re.findall(r"^(do_\w+)\(\) \{", TRANSACTION, re.MULTILINE))

    assert called == defined
