"""A loopback server that sends scripted bytes over a raw socket."""

import socket
import threading


class ScriptedServer:
    """A server that sends `answers[n]` to the n-th request, and the last answer to all further ones.

    An answer is bytes, a list of parts, or a function of the request. A part is bytes, None (close the connection), or
    a function that is called before the next part is sent, which lets a test decide when. `closes` closes the
    connection after each answer. `heads` are the received requests, `connections` counts the accepted connections.
    """

    def __init__(self, *answers, closes=False):
        self.answers, self.closes = answers, closes
        self.heads, self.connections = [], 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as file:
            try:
                while head := self._read(file):
                    with self._lock:
                        self.heads.append(head)
                        answer = self.answers[min(len(self.heads), len(self.answers)) - 1]
                    if not self._say(connection, answer(head) if callable(answer) else answer):
                        return
            except OSError:
                return

    def _say(self, connection, answer):
        parts = [answer] if answer is None or isinstance(answer, bytes) else answer
        for part in parts:
            if part is None:
                return False
            if callable(part):
                part()
            else:
                connection.sendall(part)
        return not self.closes

    def _read(self, file):
        head = b""
        while line := file.readline():
            head += line
            if line == b"\r\n":
                break
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        return head + file.read(length)


def whole(body, *headers, status=b"200 OK"):
    """Return an answer with its length."""
    lines = b"".join(b"%s\r\n" % header for header in headers)
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s" % (
        status,
        lines,
        len(body),
        body,
    )


def said(text="Hi"):
    """Return the body of a chat answer."""
    return b'{"choices": [{"message": {"content": "%s"}, "finish_reason": "stop"}]}' % text.encode()
