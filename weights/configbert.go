package weights

import (
	"encoding/json"
	"fmt"
)

// bertJSON is what of transformers' BertConfig the forward pass depends on. Sizes have to be there; the
// others have BertConfig's defaults.
type bertJSON struct {
	ModelType         string  `json:"model_type"`
	VocabSize         int     `json:"vocab_size"`
	HiddenSize        int     `json:"hidden_size"`
	Layers            int     `json:"num_hidden_layers"`
	Heads             int     `json:"num_attention_heads"`
	Intermediate      int     `json:"intermediate_size"`
	MaxPositions      int     `json:"max_position_embeddings"`
	TypeVocab         int     `json:"type_vocab_size"`
	LNEps             float32 `json:"layer_norm_eps"`
	HiddenAct         string  `json:"hidden_act"`
	PositionEmbedding string  `json:"position_embedding_type"`
	IsDecoder         bool    `json:"is_decoder"`
}

// isBERTConfig tells transformers' form, by names that config.json has not.
func isBERTConfig(text []byte) bool {
	var keys struct {
		ModelType  json.RawMessage `json:"model_type"`
		HiddenSize json.RawMessage `json:"hidden_size"`
	}
	return json.Unmarshal(text, &keys) == nil && (keys.ModelType != nil || keys.HiddenSize != nil)
}

// decodeBERTConfig reads a BERT's config.json as transformers writes it. What makes another forward pass of the
// same tensors is refused by name; what inference has no use for, such as dropout, may say anything.
func decodeBERTConfig(text []byte) (Config, error) {
	j := bertJSON{ModelType: "bert", LNEps: 1e-12, HiddenAct: "gelu", PositionEmbedding: "absolute"}
	if err := json.Unmarshal(text, &j); err != nil {
		return Config{}, err
	}
	for _, only := range []struct{ name, value, read string }{
		{"model_type", j.ModelType, "bert"},
		{"hidden_act", j.HiddenAct, "gelu"},
		{"position_embedding_type", j.PositionEmbedding, "absolute"},
		{"is_decoder", fmt.Sprint(j.IsDecoder), "false"},
	} {
		if only.value != only.read {
			return Config{}, fmt.Errorf("%s is %q; of transformers' models those with %q are read", only.name, only.value, only.read)
		}
	}
	if err := positive([]namedSize{
		{"vocab_size", j.VocabSize}, {"hidden_size", j.HiddenSize}, {"num_hidden_layers", j.Layers}, {"num_attention_heads", j.Heads},
		{"intermediate_size", j.Intermediate}, {"max_position_embeddings", j.MaxPositions}, {"type_vocab_size", j.TypeVocab},
	}); err != nil {
		return Config{}, err
	}
	c := Config{Text: TextConfig{VocabSize: j.VocabSize, Hidden: j.HiddenSize, Layers: j.Layers, Heads: j.Heads,
		Intermediate: j.Intermediate, MaxPositions: j.MaxPositions, TypeVocab: j.TypeVocab, LNEps: j.LNEps}}
	return c, c.Validate()
}
