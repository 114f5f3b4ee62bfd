"""What a user of pymilvus 2.5 does with a .db file. Tests of server/catalog start it, with PYTHONPATH=third_party/native/pymilvus-2:

    pymilvus.py make DB COLLECTION          the quick set-up of the tutorial and 20 rows
    pymilvus.py search DB COLLECTION        prints the hits of the vector on standard input, {"vector": [...], "limit": N, "filter": "..."}
    pymilvus.py hold DB                     opens the file, prints its process, and ends with standard input

What is printed is one line of JSON.
"""

import json
import math
import os
import sys

# Without this, `import pymilvus` finds this very file.
sys.path = [folder for folder in sys.path if os.path.abspath(folder or ".") != os.path.dirname(os.path.abspath(__file__))]
from pymilvus import MilvusClient  # noqa: E402

DIMENSION = 16


def vector(i):
    return [math.sin((i + 1) * (j + 1)) for j in range(DIMENSION)]


def make(client, collection):
    client.create_collection(collection_name=collection, dimension=DIMENSION, auto_id=True, enable_dynamic_field=True, metric_type="COSINE")
    rows = [{"vector": vector(i), "image_path": f"images/{i:04d}.jpg", "kind": ["mug", "shoe"][i % 2]} for i in range(20)]
    return client.insert(collection_name=collection, data=rows)["insert_count"]


def search(client, collection):
    query = json.load(sys.stdin)
    client.load_collection(collection)
    hits = client.search(collection, data=[query["vector"]], limit=query["limit"], filter=query.get("filter", ""), output_fields=["*"])[0]
    for hit in hits:
        hit["entity"].pop("vector", None)
    count = client.query(collection, filter="", output_fields=["count(*)"])[0]["count(*)"]
    return {"count": count, "hits": [{"id": hit["id"], "distance": hit["distance"], "entity": hit["entity"]} for hit in hits]}


def main():
    act, db, *rest = sys.argv[1:]
    client = MilvusClient(db)
    if act == "hold":
        print(os.getpid(), flush=True)
        sys.stdin.read()
    else:
        print(json.dumps({"make": make, "search": search}[act](client, *rest), default=str))
    client.close()


main()
