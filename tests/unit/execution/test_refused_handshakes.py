"""Lines as httpd 2.4 writes them at ``ssl:info``."""

from __future__ import annotations

from cemops.execution.refused_handshakes import SWITCHED, Refused, refused_handshakes, since_switch

HEAD = "[Sun Nov 22 15:23:50.740312 2026] [ssl:info] [pid 5849:tid {tid}]"
CERTIFICATE = (
    "[subject: CN=agent one / issuer: {issuer} / serial: 48FCB3FD394D / notbefore: Nov 17 15:23:50 2026 GMT / "
    "notafter: Nov 23 15:23:50 2026 GMT]"
)
KNOWN = ("CN=NS1 root",)
LIBRARY = "SSL Library Error: error:0A0000C7:SSL routines::"


def of_certificate(number: int, reason: str, issuer: str = "CN=ns1 root", tid: int = 1) -> list[str]:
    """The three lines of a refused certificate."""
    head, certificate = HEAD.format(tid=tid), CERTIFICATE.format(issuer=issuer)
    return [
        f"{head} [client 203.0.113.7:53924] AH02276: Certificate Verification: Error ({number}): {reason} {certificate}",
        f"{head} [client 203.0.113.7:53924] AH02008: SSL library error 1 in handshake (server gw1.example:443)",
        f"{head} {LIBRARY}certificate verify failed",
    ]


def of_client(reason: str, address: str = "203.0.113.7", tid: int = 1) -> list[str]:
    """The two lines of another refusal."""
    head = HEAD.format(tid=tid)
    return [
        f"{head} [client {address}:53906] AH02008: SSL library error 1 in handshake (server gw1.example:443)",
        f"{head} {LIBRARY}{reason}",
    ]


UNKNOWN_CA = of_certificate(20, "unable to get local issuer certificate")
NO_CERTIFICATE = of_client("peer did not return a certificate -- No CAs known to server for verification?")


def test_a_refused_certificate_is_one_handshake_with_its_issuer() -> None:
    assert list(refused_handshakes(of_certificate(12, "CRL has expired"))) == [
        Refused("CRL has expired", "CN=ns1 root", 12)
    ]


def test_a_client_without_a_certificate_is_one_handshake() -> None:
    assert list(refused_handshakes(NO_CERTIFICATE)) == [Refused("peer did not return a certificate")]


def test_lines_of_threads_that_are_mixed_are_told_apart() -> None:
    one, other = of_certificate(12, "CRL has expired", tid=1), of_client("unsupported protocol", tid=2)

    found = list(refused_handshakes([one[0], other[0], one[1], one[2], other[1]]))

    assert found == [Refused("CRL has expired", "CN=ns1 root", 12), Refused("unsupported protocol")]


def test_agents_of_a_ca_that_were_not_refused_before_speak_against_the_change() -> None:
    found = since_switch([*NO_CERTIFICATE, SWITCHED, *UNKNOWN_CA, *UNKNOWN_CA], KNOWN)

    assert found.faults == ("2 of CN=ns1 root: unable to get local issuer certificate",)
    assert found.sentences == (
        "refused since the switch, and not before: 2 of CN=ns1 root (unable to get local issuer certificate)",
    )


def test_agents_that_were_refused_before_for_the_same_reason_do_not() -> None:
    found = since_switch([*UNKNOWN_CA, SWITCHED, *UNKNOWN_CA], KNOWN)

    assert (found.sentences, found.faults) == ((), ())


def test_the_same_ca_refused_for_another_reason_speaks_against_the_change() -> None:
    found = since_switch([*UNKNOWN_CA, SWITCHED, *of_certificate(3, "unable to get certificate CRL")], KNOWN)

    assert found.faults == ("1 of CN=ns1 root: unable to get certificate CRL",)


def test_expired_and_revoked_certificates_are_told_and_no_fault() -> None:
    rightly = [*of_certificate(10, "certificate has expired"), *of_certificate(23, "certificate revoked")]

    found = since_switch([SWITCHED, *rightly, *NO_CERTIFICATE], KNOWN)

    assert found.faults == ()
    (told,) = found.sentences
    assert told.endswith("1 of CN=ns1 root (certificate has expired), 1 of CN=ns1 root (certificate revoked)")


def test_strangers_are_no_fault() -> None:
    stranger = of_certificate(20, "unable to get local issuer certificate", "CN=nobody knows")

    found = since_switch([SWITCHED, *stranger, *of_client("unsupported protocol")], KNOWN)

    assert found.faults == ()
    assert found.sentences == (
        "refused since the switch, and not before: 1 of CN=nobody knows (unable to get local issuer certificate)",
    )


def test_a_silent_log_says_nothing() -> None:
    found = since_switch([SWITCHED], KNOWN)

    assert (found.sentences, found.faults) == ((), ())


def test_a_name_that_looks_like_the_log_line_does_not_speak_for_a_ca() -> None:
    (line, *rest) = of_certificate(20, "unable to get local issuer certificate", "CN=nobody knows")
    forged = line.replace("CN=agent one", "CN=x / issuer: CN=ns1 root / serial: 00 / notbefore: now")

    assert since_switch([SWITCHED, forged, *rest], KNOWN).faults == ()


def test_forged_weak_and_self_signed_certificates_are_no_fault() -> None:
    shown = [(7, "certificate signature failure"), (9, "not yet valid"), (18, "self-signed"), (66, "EE key too small")]
    lines = [line for number, reason in shown for line in of_certificate(number, reason)]

    assert since_switch([SWITCHED, *lines], KNOWN).faults == ()
