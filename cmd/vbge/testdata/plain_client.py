"""Asks a vbge server with Python's own library and prints what came back as JSON.

Usage: plain_client.py URL < {"inputs": [...], "image": base64, "text": ...}

The vectors are those of inputs, but "raw" and "form": those of the image with the text. zstd is the program of that
name; where there is none, "zstd" is missing.
"""
import base64
import gzip
import json
import shutil
import struct
import subprocess
import sys
import urllib.parse
import urllib.request
import uuid


def main():
    url = sys.argv[1]
    given = json.load(sys.stdin)

    def post(path, body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        with urllib.request.urlopen(urllib.request.Request(url + path, body, headers)) as reply:
            return reply.read(), reply.headers

    body = json.dumps({"inputs": given["inputs"]}).encode()
    out = {"json": json.loads(post("/embed", body, Content_Type="application/json")[0])}

    for dtype, code in {"float32": "f", "float16": "e", "int8": "b"}.items():
        reply, headers = post("/embed", body, Content_Type="application/json", Accept=f"application/octet-stream;dtype={dtype}")
        rows, columns = map(int, headers["X-Embedding-Shape"].split(","))
        assert headers["X-Embedding-Dtype"] == dtype, headers
        assert headers["Content-Type"] == f"application/octet-stream;dtype={dtype}", headers
        values = struct.unpack(f"<{rows * columns}{code}", reply)  # little-endian, and no byte more
        out[dtype] = [values[i * columns : (i + 1) * columns] for i in range(rows)]

    def compressed(coding, pack, unpack):
        reply, headers = post("/embed", pack(body), Content_Type="application/json", Content_Encoding=coding, Accept_Encoding=coding)
        assert headers["Content-Encoding"] == coding, headers
        assert "Accept-Encoding" in headers["Vary"], headers
        return json.loads(unpack(reply))

    out["gzip"] = compressed("gzip", gzip.compress, gzip.decompress)
    if shutil.which("zstd"):
        run = lambda *args: lambda data: subprocess.run(["zstd", "-q", "-c", *args], input=data, capture_output=True, check=True).stdout
        out["zstd"] = compressed("zstd", run("-19"), run("-d"))

    image, text = base64.b64decode(given["image"]), given["text"]
    out["raw"] = json.loads(post("/embed?" + urllib.parse.urlencode({"text": text}), image, Content_Type="image/jpeg")[0])
    edge = uuid.uuid4().hex
    form = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (edge.encode(), name, more, value)
        for name, more, value in [(b"image", b'; filename="a.html"', image), (b"text", b"", text.encode())]
    )
    out["form"] = json.loads(post("/embed", form + b"--%s--\r\n" % edge.encode(), Content_Type=f"multipart/form-data; boundary={edge}")[0])
    json.dump(out, sys.stdout)


main()
