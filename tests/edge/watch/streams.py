"""A camera on the network, as far as a test needs one: an MJPEG stream over HTTP that can die and come back."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread

import cv2
import numpy as np


class MjpegCamera:
    """Sends each picture that is put into `pictures`; None hangs up. `address` stays the same over restarts."""

    def __init__(self) -> None:
        self.pictures: SimpleQueue[bytes | None] = SimpleQueue()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}/stream"
        self.connections = 0

    def show(self, level: int, height: int = 48, width: int = 64) -> None:
        self.pictures.put(jpeg(level, height, width))

    @contextmanager
    def up(self) -> Iterator[None]:
        """Answer on the address while the block runs."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.connections += 1
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                while picture := camera.pictures.get():
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + picture + b"\r\n")
                    except OSError:
                        return

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.pictures.put(None)
            server.shutdown()
            server.server_close()
            thread.join()


def jpeg(level: int, height: int = 48, width: int = 64) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), level, np.uint8))[1].tobytes()
