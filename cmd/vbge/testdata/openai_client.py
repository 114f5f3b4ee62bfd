"""Asks a vbge server with OpenAI's own client and prints what came back as JSON.

Usage: openai_client.py BASE_URL API_KEY < {"texts": [...], "ids": [...], "pairs": [{"image": base64, "text": ...}]}
"""
import json
import sys

import openai


def main():
    base_url, key = sys.argv[1:]
    given = json.load(sys.stdin)
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)

    def vectors(value, **options):
        answer = client.embeddings.create(model="visualized-bge", input=value, **options)
        assert answer.model == "visualized-bge", answer.model
        assert answer.object == "list", answer.object
        assert [d.index for d in answer.data] == list(range(len(answer.data)))
        assert answer.usage.total_tokens == answer.usage.prompt_tokens > 0, answer.usage
        return [d.embedding for d in answer.data]

    out = {
        "one": vectors(given["texts"][0]),  # the client asks for base64 by itself
        "texts": vectors(given["texts"]),
        "float": vectors(given["texts"], encoding_format="float"),
        "ids": vectors(given["ids"]),
        "pairs": vectors(given["pairs"]),
        "errors": {},
    }
    for name, call in {
        "dimensions": lambda: vectors("a", dimensions=3),
        "empty": lambda: vectors([]),
        "url": lambda: vectors([{"image": "http://127.0.0.1/a.jpg"}]),
    }.items():
        try:
            call()
            out["errors"][name] = "none"
        except openai.APIStatusError as e:
            out["errors"][name] = [e.status_code, type(e).__name__, e.code]
    try:
        openai.OpenAI(base_url=base_url, api_key="wrong", max_retries=0).embeddings.create(model="m", input="a")
    except openai.APIStatusError as e:
        out["errors"]["key"] = [e.status_code, type(e).__name__, e.code]
    json.dump(out, sys.stdout)


main()
