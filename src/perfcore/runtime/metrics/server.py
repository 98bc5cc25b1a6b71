"""serve(): metrics over a Unix socket or a loopback port."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import math
import os
import socket
import stat
import threading
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from ...errors import ConfigurationError
from .exposition import text
from .seen import snapshot


class Server:
    """Answers ``GET /metrics`` with Prometheus' text and ``GET /json`` with the snapshot.

    It serves until it is closed or the process ends, whether or not anybody holds this object.

    Attributes
    ----------
    address : the socket's path, or "127.0.0.1:PORT"
    """

    def __init__(self, http: _Http, path: str | None):
        self._http = http
        self.address = path or "{}:{}".format(*http.server_address[:2])
        self._thread = threading.Thread(target=http.serve_forever, args=(0.1,), name="perfcore-metrics", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads
            http.server_close()
            raise
        self._end = weakref.finalize(self, _closed, http, os.getpid())
        _serving.add(self)

    def close(self) -> None:
        """Answer no more, and remove the socket; nothing, where it is closed already."""
        self._end()
        _serving.discard(self)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(address: str | os.PathLike[str] = "127.0.0.1:0") -> Server:
    """Answer whoever asks for metrics on this machine.

    Parameters
    ----------
    address : HOST:PORT of the loopback interface, of which port 0 is any that is free; or the path of a Unix socket to
        make, readable by this user alone: a text with a "/" in it, or a `pathlib.Path`

    Raises
    ------
    ConfigurationError
        For hosts other than the loopback interface, and what is neither a port nor a path.
    OSError
        Where the address is taken or cannot be made.
    """
    text()  # an extra that is missing is missed now
    if isinstance(address, os.PathLike):
        path = os.fspath(address)
        address = path if not isinstance(path, str) or "/" in path else f"./{path}"
    if is_path(address):
        return Server(_UnixHttp(cast(Any, _free(address)), _Handler), address)
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise refused(address)
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host.strip("[]")).is_loopback:
            return Server((_Http6 if ":" in host else _Http)((host.strip("[]"), int(port)), _Handler), None)
    if host == "localhost":
        return Server(_Http(("127.0.0.1", int(port)), _Handler), None)
    raise ConfigurationError(f"address={address!r}: metrics are served on this machine alone: 127.0.0.1, [::1], a path")


def is_path(address: Any) -> bool:
    """Whether that is a Unix socket's, and no port; `ConfigurationError` for what can be neither."""
    if not isinstance(address, str) or "\0" in address:  # Linux's abstract sockets are open to everybody
        raise refused(address)
    if "/" not in address and ":" not in address:
        raise refused(address)
    return "/" in address


def refused(address: Any) -> ConfigurationError:
    return ConfigurationError(
        f"address={address!r}: allowed are HOST:PORT, such as 127.0.0.1:9100, with a port up to 65535, and a socket's "
        "path with a / in it, such as ./metrics.sock"
    )


_serving: set[Server] = set()


def _leave_to_parent() -> None:
    """In a process that was forked: it would hold the port as long as it lives, and answer nobody."""
    for each in _serving:
        each._http.socket.close()
    _serving.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *what: Any):
        self._open: set[socket.socket] = set()
        super().__init__(*what)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for each in self._open.copy():
            with contextlib.suppress(OSError):  # it is over already
                each.shutdown(socket.SHUT_RD)  # who has asked is answered; whoever has not keeps no thread waiting

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that have gone."""


class _Http6(_Http):
    address_family = socket.AF_INET6


class _UnixHttp(_Http):
    """On a Unix socket, which is its user's own before it listens: until then the system refuses whoever asks."""

    address_family = getattr(socket, "AF_UNIX", socket.AF_INET)
    _made: tuple[str, int, int] | None = None  # path, device and number of the socket's file

    def server_bind(self) -> None:
        path = os.path.abspath(cast(str, self.server_address))
        self.socket.bind(self.server_address)
        try:
            os.chmod(path, 0o600)
            found = os.stat(path)
        except OSError:
            os.unlink(path)
            raise
        self._made = path, found.st_dev, found.st_ino
        self.server_name, self.server_port = "localhost", 0

    def server_close(self) -> None:
        super().server_close()
        if self._made is not None:
            path, *made = self._made
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(path)
                if [found.st_dev, found.st_ino] == made:  # and no other process has put its own there
                    os.unlink(path)

    def get_request(self) -> tuple[Any, Any]:
        request, _ = self.socket.accept()
        return request, ("local", 0)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds that a client may keep silent

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        try:
            if path == "/metrics":
                answer = 200, text(), "text/plain; version=0.0.4; charset=utf-8"
            elif path == "/json":
                answer = 200, json.dumps(_finite(snapshot())), "application/json"
            else:
                answer = 404, "there are /metrics and /json\n", "text/plain"
        except Exception as error:  # of what was registered
            answer = 500, f"{type(error).__name__}: {error}\n", "text/plain"
        with contextlib.suppress(OSError):  # the client has gone
            self._send(*answer)

    def _send(self, status: int, body: str, kind: str) -> None:
        data = body.encode(errors="backslashreplace")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _finite(found: Any) -> Any:
    """Numbers that JSON does not have as texts that `float` reads: "inf", "-inf", "nan"."""
    if isinstance(found, dict):
        return {name: _finite(each) for name, each in found.items()}
    if isinstance(found, list | tuple):
        return [_finite(each) for each in found]
    return str(found) if isinstance(found, float) and not math.isfinite(found) else found


def _free(path: str) -> str:
    """The path, without the socket of a process that is gone."""
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except FileNotFoundError:
        return path
    if is_socket:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)  # one whose queue is full would make us wait
            with contextlib.suppress(BlockingIOError):
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    os.unlink(path)
    return path


def _closed(http: _Http, pid: int) -> None:
    if os.getpid() == pid:  # in a child it is a copy: the socket is its parent's
        http.shutdown()
        http.server_close()
