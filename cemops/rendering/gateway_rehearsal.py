"""The rehearsal of a configuration that is not rendered but restored: the same text, on a loopback port.

What a rehearsal must not share with the gateway that serves (where it listens, its pid file, its logs, its capacity,
its account) is replaced line by line; everything else is rehearsed as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cemops.planning.sizing import Sizing
from cemops.rendering.environment import apache_quoted, apache_word


@dataclass(frozen=True)
class RehearsalPlace:
    """Where a rehearsal listens and writes, how large it is, and as whom its children run."""

    endpoint: str
    folder: str
    sizing: Sizing
    account: str | None
    group: str | None


def rehearsed_conf(configuration: str, place: RehearsalPlace) -> str:
    """Return the text of a gateway's httpd.conf as it is rehearsed."""
    return "".join(f"{line}\n" for line in _lines(configuration, place))


def _lines(configuration: str, place: RehearsalPlace) -> Iterator[str]:
    replaced = _replacements(place)
    for line in configuration.splitlines():
        word = line.split(maxsplit=1)[0].lower() if line.strip() else ""
        if word not in replaced:
            yield line
        elif replaced[word]:
            yield replaced[word]


def _replacements(place: RehearsalPlace) -> dict[str, str]:
    """By directive, the line that takes the place of each such line; an empty one: the line goes."""
    sizing = place.sizing
    error_log, access_log = (f"{place.folder}/{name}.log" for name in ("error", "access"))
    return {
        "listen": "",
        "user": "",
        "group": "",
        "<virtualhost": "\n".join(_host(place)),
        "pidfile": f"PidFile {apache_quoted(f'{place.folder}/httpd.pid')}",
        "errorlog": f"ErrorLog {apache_quoted(error_log)}",
        "customlog": f"CustomLog {apache_quoted(access_log)} gateway",
        "threadlimit": f"ThreadLimit {sizing.thread_limit}",
        "serverlimit": f"ServerLimit {sizing.server_limit}",
        "startservers": f"StartServers {sizing.start_servers}",
        "threadsperchild": f"ThreadsPerChild {sizing.threads_per_child}",
        "maxrequestworkers": f"MaxRequestWorkers {sizing.max_request_workers}",
        "minsparethreads": f"MinSpareThreads {sizing.min_spare_threads}",
        "maxsparethreads": f"MaxSpareThreads {sizing.max_spare_threads}",
    }


def _host(place: RehearsalPlace) -> Iterator[str]:
    """Yield what stands before the virtual host: by then every module is loaded that knows these directives."""
    if place.account is not None:
        yield f"User {apache_word(place.account)}"
        yield f"Group {apache_word(place.group or place.account)}"
    yield f"Listen {apache_word(place.endpoint)} https"
    yield f"<VirtualHost {apache_word(place.endpoint)}>"
