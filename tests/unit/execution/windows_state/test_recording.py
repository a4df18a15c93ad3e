from __future__ import annotations

from cemops.execution.windows_state.recording import recordable

CONFIG = """<processModel identityType="SpecificUser" userName="CORP\\pool" password="[enc:AesProvider:canary:enc]" />
<virtualDirectory path="/" physicalPath="C:\\x" userName="u" PASSWORD = 'canary' />"""


def test_no_password_of_the_configuration_is_written_down() -> None:
    found = recordable({"schema": 1, "iis": {"path": "p", "config": CONFIG, "error": None}})

    assert "canary" not in str(found)
    assert 'userName="CORP\\pool" password=""' in found["iis"]["config"]


def test_a_machine_without_iis_is_written_down_as_it_is() -> None:
    assert recordable({"schema": 1, "iis": None}) == {"schema": 1, "iis": None}
