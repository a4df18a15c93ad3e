"""The part of GitLab's and GitHub's API that keeps comments, on a loopback address."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "comment-token-canary"


class CommentServer:
    """Comments by number, and the requests that made them. It serves one page of two, to be asked for the second."""

    def __init__(self) -> None:
        self.comments: dict[int, str] = {number: f"a remark of somebody, {number}" for number in range(1, 101)}
        self.requests: list[tuple[str, str]] = []
        self.url = ""

    @property
    def by_cemops(self) -> list[str]:
        """What was written."""
        return [text for number, text in sorted(self.comments.items()) if number > 100]

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Answer one request."""
        where = urlsplit(target)
        self.requests.append((method, where.path))
        if TOKEN not in (headers.get("PRIVATE-TOKEN"), headers.get("Authorization", "").removeprefix("Bearer ")):
            return 401, {"message": "unauthorized"}
        if method == "GET":
            query = parse_qs(where.query)
            start = (int(query["page"][0]) - 1) * int(query["per_page"][0])
            listed = sorted(self.comments.items())[start : start + int(query["per_page"][0])]
            return 200, [{"id": number, "body": text} for number, text in listed]
        text = json.loads(body)["body"]
        number = max(self.comments) + 1 if method == "POST" else int(where.path.rpartition("/")[2])
        self.comments[number] = text
        return 201, {"id": number, "body": text}


@contextmanager
def comment_server() -> Iterator[CommentServer]:
    """Serve until the block ends."""
    served = CommentServer()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = served.answer(self.command, self.path, self.headers, body)
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = handle_one  # noqa: N815 - http.server's names

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
