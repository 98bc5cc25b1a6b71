"""Fetching many URLs of a server on this machine."""

import asyncio
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perfcore import ConfigurationError
from perfcore.runtime import Fetcher

pytest.importorskip("httpx")


# What the first answer to a path says about when to ask again.
AFTER = {
    "/seconds": lambda: "1",
    "/date": lambda: formatdate(time.time() + 2, usegmt=True),
    "/past": lambda: formatdate(time.time() - 100, usegmt=True),
    "/odd": lambda: "soon",
    "/long": lambda: "3600",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        with server.lock:
            server.at_once += 1
            server.most = max(server.most, server.at_once)
            server.asked[self.path] = n = server.asked.get(self.path, 0) + 1
        try:
            time.sleep(5 if self.path == "/slow" else 0.01)
            status = 404 if self.path == "/none" else 503 if self.path == "/busy" and n < 3 else 200
            said = AFTER.get(self.path) if n == 1 else None
            self.send_response(500 if self.path == "/broken" else 429 if said else status)
            if said:
                self.send_header("Retry-After", said())
            body = self.path.encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass
        finally:
            with server.lock:
                server.at_once -= 1

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    class Server(ThreadingHTTPServer):
        request_queue_size = 100
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    server.lock, server.asked, server.at_once, server.most = threading.Lock(), {}, 0, 0
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(urls, **settings):
    return asyncio.run(Fetcher(**settings).get_many(urls))


def test_s1_08_a_hundred_urls_in_order_with_a_few_at_once(server):
    found = fetched([f"{server.url}/{i}" for i in range(100)], limit=7)
    assert [each.content for each in found] == [f"/{i}".encode() for i in range(100)]
    assert 1 < server.most <= 7 and all(each.error is None and each.attempts == 1 for each in found)


def test_s1_g1_one_that_fails_does_not_disturb_the_others(server):
    names = ["a", "none", "slow", "busy", "broken", "b"]
    began = time.perf_counter()
    found = dict(zip(names, fetched([f"{server.url}/{name}" for name in names], timeout=0.5, retries=2), strict=True))
    assert time.perf_counter() - began < 4.5
    assert found["a"].content == b"/a" and found["b"].content == b"/b"
    assert (found["none"].error, found["none"].attempts, found["none"].status) == ("status 404", 1, 404)
    assert (found["slow"].error, found["slow"].attempts) == ("no answer within 0.5 s", 3)
    assert (found["busy"].error, found["busy"].attempts, found["busy"].content) == (None, 3, b"/busy")
    assert (found["broken"].error, found["broken"].attempts) == ("status 500", 3)
    assert (found["none"].content, found["broken"].content, found["slow"].content) == (b"/none", b"/broken", None)


def test_a_server_that_says_when_to_ask_again_is_asked_then_or_not_at_all(server):
    found = dict(zip(AFTER, fetched([server.url + path for path in AFTER], timeout=5.0), strict=True))
    assert all(found[path].content == path.encode() and found[path].attempts == 2 for path in AFTER if path != "/long")
    assert found["/seconds"].seconds >= 1 and found["/date"].seconds >= 0.9
    assert found["/past"].seconds < 0.9 and found["/odd"].seconds < 0.9
    assert found["/long"].attempts == 1 and found["/long"].status == 429 and found["/long"].seconds < 0.9
    assert "status 429, and to be asked again in 3600 s" in found["/long"].error


def test_a_server_that_is_not_there_and_what_is_no_url_are_errors_of_their_own(server):
    found = fetched(["http://127.0.0.1:1/", "no url", f"{server.url}/a"], retries=1)
    assert "ConnectError" in found[0].error and found[0].attempts == 2
    assert found[1].error and found[1].attempts == 1
    assert found[2].content == b"/a"


def test_no_urls_are_no_answers():
    assert fetched([]) == []


@pytest.mark.parametrize("settings", [{"limit": 0}, {"timeout": 0}, {"retries": -1}, {"limit": 1.5}])
def test_settings_outside_what_is_allowed_are_refused(settings):
    with pytest.raises(ConfigurationError, match="allowed are"):
        Fetcher(**settings)
