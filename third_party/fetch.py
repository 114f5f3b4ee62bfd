"""Fetches one file, or one member of a zip archive without the rest of it, and checks its SHA-256.

    fetch.py URL[!MEMBER] SHA256 OUT

An archive that lies beside OUT already, under its own name, is read instead of the URL.
"""

import hashlib
import io
import os
import sys
import urllib.request
import zipfile

TIMEOUT = 30  # seconds without an answer


class RemoteFile(io.RawIOBase):
    """A file behind a URL, of which only the parts that are read travel."""

    def __init__(self, url):
        self.url, self.position = url, 0
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT) as answer:
            self.size = int(answer.headers["Content-Length"])

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.position

    def seek(self, offset, whence=io.SEEK_SET):
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        return self.position

    def readinto(self, buffer):
        last = min(self.position + len(buffer), self.size) - 1
        if last < self.position:
            return 0
        request = urllib.request.Request(self.url, headers={"Range": f"bytes={self.position}-{last}"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if answer.status != 206:
                raise OSError("the server does not send parts of files")
            part = answer.read()
        buffer[: len(part)] = part
        self.position += len(part)
        return len(part)


def fetch(url, out):
    url, _, member = url.partition("!")
    if not member:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return answer.read()
    here = os.path.join(os.path.dirname(out), os.path.basename(url))
    archive = here if os.path.exists(here) else io.BufferedReader(RemoteFile(url), 1 << 17)
    with zipfile.ZipFile(archive) as z:
        return z.read(member)


def main(url, sha256, out):
    data = fetch(url, out)
    if hashlib.sha256(data).hexdigest() != sha256:
        sys.exit(f"{url}: its SHA-256 is not the pinned {sha256}")
    with open(out + ".new", "wb") as file:
        file.write(data)
    os.replace(out + ".new", out)


if len(sys.argv) != 4:
    sys.exit(__doc__)
try:
    main(*sys.argv[1:])
except (OSError, KeyError, zipfile.BadZipFile) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
