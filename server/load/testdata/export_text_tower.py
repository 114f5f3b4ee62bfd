"""Writes the text tower of `vbge serve --model random` as a Hugging Face BERT folder, for infinity-emb.

    python export_text_tower.py VOCAB OUT

The weights are those of weights.Random(weights.Base(), 0): make_checkpoint.py defines both, bit for bit.
The folder is one of sentence-transformers: BERT, the row of [CLS], scaled to unit length.
"""
import json
import os
import shutil
import sys

from safetensors.torch import save_file

REFERENCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../engine/testdata/reference")
sys.path.insert(0, REFERENCE)
import make_checkpoint  # noqa: E402
import reference  # noqa: E402

PREFIXES = {"bge_embeddings.": "embeddings.", "bge_encoder.": "encoder.", "bge_pooler.": "pooler."}


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1)


def main(vocab, out):
    t = reference.BASE["text"]
    os.makedirs(os.path.join(out, "1_Pooling"), exist_ok=True)
    state = {}
    for key, shape, mean, std in make_checkpoint.spec(reference.BASE):
        for ours, theirs in PREFIXES.items():
            if key.startswith(ours):
                state[theirs + key[len(ours):]] = make_checkpoint.draw(0, key, shape, mean, std).contiguous()
    save_file(state, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    shutil.copy(vocab, os.path.join(out, "vocab.txt"))
    write_json(os.path.join(out, "config.json"), {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "torch_dtype": "float32",
        "vocab_size": t["vocab_size"], "type_vocab_size": t["type_vocab"], "hidden_size": t["hidden"],
        "num_hidden_layers": t["layers"], "num_attention_heads": t["heads"], "intermediate_size": t["intermediate"],
        "max_position_embeddings": t["max_positions"], "layer_norm_eps": t["ln_eps"], "pad_token_id": 0})
    write_json(os.path.join(out, "tokenizer_config.json"), {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": t["max_positions"]})
    write_json(os.path.join(out, "sentence_bert_config.json"), {"max_seq_length": t["max_positions"], "do_lower_case": True})
    write_json(os.path.join(out, "1_Pooling", "config.json"), {"word_embedding_dimension": t["hidden"], "pooling_mode_cls_token": True})
    write_json(os.path.join(out, "modules.json"), [
        {"idx": i, "name": str(i), "path": path, "type": "sentence_transformers.models." + kind}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])])


if __name__ == "__main__":
    main(*sys.argv[1:])
