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
        self._http, self._path = http, path
        self.address = path or "{}:{}".format(*http.server_address[:2])
        self._thread = threading.Thread(target=http.serve_forever, args=(0.1,), name="perfcore-metrics", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, _closed, http, path, os.getpid())
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


def serve(address: str = "127.0.0.1:0") -> Server:
    """Answer whoever asks for metrics on this machine.

    Parameters
    ----------
    address : the path of a Unix socket to make, readable by this user alone; or HOST:PORT of the loopback interface,
        of which port 0 is any that is free

    Raises
    ------
    ConfigurationError
        For hosts other than the loopback interface, and what is no port.
    OSError
        Where the address is taken or cannot be made.
    """
    text()  # an extra that is missing is missed now
    address = os.fspath(address)
    if is_path(address):
        return Server(_UnixHttp(cast(Any, _free(address)), _Handler), address)
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"address={address!r}: allowed are a path, and HOST:PORT with a port up to 65535")
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host.strip("[]")).is_loopback:
            return Server((_Http6 if ":" in host else _Http)((host.strip("[]"), int(port)), _Handler), None)
    if host == "localhost":
        return Server(_Http(("127.0.0.1", int(port)), _Handler), None)
    raise ConfigurationError(f"address={address!r}: metrics are served on this machine alone: 127.0.0.1, [::1], a path")


def is_path(address: str) -> bool:
    """Whether that is a Unix socket's, and no port."""
    return "/" in address or ":" not in address


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


class _Http6(_Http):
    address_family = socket.AF_INET6


class _UnixHttp(_Http):
    address_family = getattr(socket, "AF_UNIX", socket.AF_INET)

    def server_bind(self) -> None:
        before = os.umask(0o177)
        try:
            self.socket.bind(self.server_address)
        finally:
            os.umask(before)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self) -> tuple[Any, Any]:
        request, _ = self.socket.accept()
        return request, ("local", 0)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds that a client may keep silent

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        try:
            if path == "/metrics":
                self._send(200, text(), "text/plain; version=0.0.4; charset=utf-8")
            elif path == "/json":
                self._send(200, json.dumps(_plain(snapshot()), default=str), "application/json")
            else:
                self._send(404, "there are /metrics and /json\n", "text/plain")
        except OSError:  # the client has gone
            pass
        except Exception as error:  # of what was registered
            with contextlib.suppress(OSError):
                self._send(500, f"{type(error).__name__}: {error}\n", "text/plain")

    def _send(self, status: int, body: str, kind: str) -> None:
        data = body.encode(errors="backslashreplace")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _plain(found: Any) -> Any:
    """Numbers that JSON does not have as texts: "inf", "-inf", "nan"."""
    if isinstance(found, dict):
        return {str(name): _plain(each) for name, each in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(each) for each in found]
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


def _closed(http: _Http, path: str | None, pid: int) -> None:
    if os.getpid() != pid:  # a child's copy: the socket is its parent's
        return
    http.shutdown()
    http.server_close()
    if path is not None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
