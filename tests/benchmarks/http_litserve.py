"""The same network behind LitServe: a LitAPI that takes an uploaded file, as its documentation shows.

Usage: python tests/benchmarks/http_litserve.py MODEL PORT WORKERS
"""

import sys

import litserve
from http_peers import Network


class Api(litserve.LitAPI):  # type: ignore[misc]
    """One picture in, probabilities out."""

    def setup(self, device: str) -> None:
        self.network = Network(sys.argv[1], 0)

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # LitServe reads the annotations
        content: bytes = request["file"].file.read()
        return content

    def predict(self, encoded):  # type: ignore[no-untyped-def]
        return self.network(encoded)

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        return {"probabilities": output}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(port=int(sys.argv[2]), host="127.0.0.1", log_level="error", generate_client_file=False)
