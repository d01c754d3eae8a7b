"""An S3 server that keeps nothing: for measuring a sender with objects of any size."""

import base64
import hashlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPLOAD = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
DONE = "<CompleteMultipartUploadResult><ETag>done-1</ETag></CompleteMultipartUploadResult>"
EMPTY = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


class Handler(BaseHTTPRequestHandler):
    """Takes what is put, answers with its digests, and lets it go."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Take an object or a part."""
        left = int(self.headers.get("Content-Length", 0))
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        while left:
            block = self.rfile.read(min(left, 1 << 20))
            left -= len(block)
            md5.update(block)
            sha256.update(block)
        self.reply(
            "",
            ETag=f'"{md5.hexdigest()}"',
            **{"x-amz-checksum-sha256": base64.b64encode(sha256.digest()).decode()},
        )

    def do_POST(self) -> None:
        """Begin or complete an upload in parts."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(UPLOAD if self.path.endswith("uploads") else DONE)

    def do_GET(self) -> None:
        """List nothing."""
        self.reply(EMPTY)

    def reply(self, text: str, **headers: str) -> None:
        """Answer with 200."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
