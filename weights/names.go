package weights

import (
	"fmt"
	"strings"

	"vbge/weights/tensor"
)

// bgePrefix is what the text tower's names have before those of a BERT.
const bgePrefix = "bge_"

// naming is a checkpoint's tensors under the names that they have in a Visualized-BGE.
type naming struct {
	tensors []*tensor.View
	before  map[string]string // a tensor's name in the file
	note    string            // what was done to the names, "" if nothing
}

// rename takes "module." off the names, and where none begins with bgePrefix, puts it before those of a
// BERT: embeddings.*, encoder.* and pooler.*, as transformers' BertModel has them, or below "bert."
// as the models built on it do.
func rename(tensors []*tensor.View) (*naming, error) {
	stem, bert := bertStem(tensors)
	n := &naming{before: make(map[string]string, len(tensors))}
	if bert {
		n.note = fmt.Sprintf("%s put before a BERT's names", bgePrefix)
		if stem != "" {
			n.note = fmt.Sprintf("%s in place of %s before a BERT's names", bgePrefix, stem)
		}
	}
	for _, t := range tensors {
		named := *t
		named.Name = strings.TrimPrefix(t.Name, "module.")
		if rest, ok := strings.CutPrefix(named.Name, stem); ok && bert && isBERTName(rest) {
			named.Name = bgePrefix + rest
		}
		if other, twice := n.before[named.Name]; twice {
			return nil, fmt.Errorf("%q and %q are one tensor by their names", other, t.Name)
		}
		n.before[named.Name] = t.Name
		n.tensors = append(n.tensors, &named)
	}
	return n, nil
}

// bertStem returns what stands before a BERT's own names, and whether there are such.
func bertStem(tensors []*tensor.View) (stem string, bert bool) {
	for _, t := range tensors {
		switch name := strings.TrimPrefix(t.Name, "module."); {
		case strings.HasPrefix(name, bgePrefix):
			return "", false
		case name == "embeddings.word_embeddings.weight":
			stem, bert = "", true
		case name == "bert.embeddings.word_embeddings.weight" && !bert:
			stem, bert = "bert.", true
		}
	}
	return stem, bert
}

func isBERTName(name string) bool {
	part, _, _ := strings.Cut(name, ".")
	return part == "embeddings" || part == "encoder" || part == "pooler"
}
