package weights

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

// microCheckpoint writes a checkpoint of micro's layout, its tensors changed by edit.
func microCheckpoint(t *testing.T, edit func([]tensor.Source) []tensor.Source) string {
	t.Helper()
	return writeCheckpoint(t, edit(zeros(readConfigFile(t, reference+"micro.json"))))
}

func without(names ...string) func([]tensor.Source) []tensor.Source {
	return func(all []tensor.Source) []tensor.Source {
		return slices.DeleteFunc(all, func(x tensor.Source) bool { return slices.Contains(names, x.Name) })
	}
}

// with replaces one tensor.
func with(name string, edit func(*tensor.Source)) func([]tensor.Source) []tensor.Source {
	return func(all []tensor.Source) []tensor.Source {
		edit(&all[slices.IndexFunc(all, func(x tensor.Source) bool { return x.Name == name })])
		return all
	}
}

// TestConvertRefusesTensors also makes sure that a refusal writes nothing.
func TestConvertRefusesTensors(t *testing.T) {
	f := func(why string, sentinel error, edit func([]tensor.Source) []tensor.Source) {
		t.Helper()
		parent := t.TempDir()
		_, err := Convert(context.Background(), microCheckpoint(t, edit), ConvertOptions{Vocab: reference + "tiny_vocab.txt", Out: filepath.Join(parent, "out")})
		if err == nil || !strings.Contains(err.Error(), why) || sentinel != nil && !errors.Is(err, sentinel) {
			t.Errorf("error %v, want one about %q", err, why)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v behind (%v)", why, left, err)
		}
	}
	const query, norm = "bge_encoder.layer.0.attention.self.query.weight", visual + "blocks.0.norm1.bias"
	f(query+", "+norm, ErrIncomplete, without(query, norm))
	f("vision.width is unknown: tensors are missing: "+visual+"cls_token", ErrIncomplete, without(visual+"cls_token"))
	f("text.vocab_size is unknown", nil, func([]tensor.Source) []tensor.Source { return nil })
	f("tensor "+norm+" has shape [4 8], wanted [32]", nil, with(norm, func(x *tensor.Source) { x.Shape = []int{4, 8} }))
	f("tensor "+norm+" is of type I32", nil, with(norm, func(x *tensor.Source) { x.DType = tensor.I32 }))
	f("one rotary embedding for all blocks", nil, with(visual+"blocks.0.attn.rope.freqs_sin", func(x *tensor.Source) {
		zeros := x.Data
		x.Data = func(w io.Writer) error {
			var data bytes.Buffer
			err := zeros(&data)
			data.Bytes()[7] = 1
			_, writeErr := data.WriteTo(w)
			return errors.Join(err, writeErr)
		}
	}))
	f("they overlap", nil, func(all []tensor.Source) []tensor.Source {
		for i := range all { // one storage for all tensors of a shape
			all[i].Storage = fmt.Sprint(all[i].Shape)
		}
		return all
	})
	f("layer.1.attention.self.query.weight", ErrIncomplete, func(all []tensor.Source) []tensor.Source {
		return append(all, zero("bge_encoder.layer.7.output.dense.bias", tensor.F32, 1))
	})
}

func TestConvertListsTheRest(t *testing.T) {
	checkpoint := microCheckpoint(t, func(all []tensor.Source) []tensor.Source {
		ids := zero("bge_embeddings.position_ids", tensor.I64, 1, 40)
		extra := zero("ema.decay", tensor.F64)
		return append(without("bge_pooler.dense.weight", visual+"blocks.0.attn.rope.freqs_cos")(all), ids, extra)
	})
	_, r := converted(t, checkpoint, reference+"tiny_vocab.txt", nil)
	if !slices.Equal(r.Missing, []string{"bge_pooler.dense.weight", visual + "blocks.0.attn.rope.freqs_cos"}) || !slices.Equal(r.Surplus, []string{"ema.decay"}) {
		t.Errorf("missing %v, surplus %v", r.Missing, r.Surplus)
	}
	if text := r.String(); !strings.Contains(text, "missing   bge_pooler.dense.weight, ") || !strings.Contains(text, "surplus   ema.decay;") {
		t.Errorf("report:\n%s", text)
	}
}

func TestConvertRefusesFiles(t *testing.T) {
	good := checkpoints + "micro.pth"
	vocab := reference + "tiny_vocab.txt"
	config := readConfigFile(t, reference+"tiny.json")
	f := func(why, checkpoint string, o ConvertOptions) {
		t.Helper()
		o.Out = filepath.Join(t.TempDir(), "out")
		if _, err := Convert(context.Background(), checkpoint, o); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), checkpoint) {
			t.Errorf("error %v, want one that names the checkpoint and %q", err, why)
		}
	}
	f("no such file", "nowhere.pth", ConvertOptions{Vocab: vocab})
	f("not a regular file", checkpoints, ConvertOptions{Vocab: vocab})
	f("not a zip", reference+"MODEL.md", ConvertOptions{Vocab: vocab})
	f("read vocabulary", good, ConvertOptions{})
	f("has 479 lines, the checkpoint has 480", good, ConvertOptions{Vocab: writeVocab(t, 479)})
	f("patch_size 16, but tensor", good, ConvertOptions{Vocab: vocab, Config: &config})
	f("image_size is 0", good, ConvertOptions{Vocab: vocab, Config: &Config{PatchSize: 16}})
}

func TestConvertCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	parent := t.TempDir()
	_, err := Convert(ctx, checkpoints+"micro.pth", ConvertOptions{Vocab: reference + "tiny_vocab.txt", Out: filepath.Join(parent, "out")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left %v behind (%v)", left, err)
	}
}
