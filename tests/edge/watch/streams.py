"""A camera on the network, as far as a test needs one: an MJPEG stream over HTTP that can die and come back."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import cv2
import numpy as np

PERIOD_S = 0.02


class MjpegCamera:
    """Sends a picture of `level` again and again while it is `up`; `address` stays the same over restarts."""

    def __init__(self) -> None:
        self.level, self.sent = 0, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}/stream"

    @contextmanager
    def up(self, level: int) -> Iterator[None]:
        """Answer on the address while the block runs."""
        camera, gone, self.level = self, Event(), level

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                while not gone.wait(PERIOD_S):
                    picture = cv2.imencode(".jpg", np.full((48, 64, 3), camera.level, np.uint8))[1].tobytes()
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + picture + b"\r\n")
                    except OSError:
                        return
                    camera.sent += 1

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            gone.set()
            server.shutdown()
            server.server_close()
            thread.join()
