package weights

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

// ConvertOptions says what a checkpoint alone does not.
type ConvertOptions struct {
	Vocab  string  // path of the vocabulary, one token a line
	Config *Config // nil: inferred from the tensors and Base
	// Pooling, if not nil, is the model's, whatever Config says.
	Pooling *Pooling
	Out     string // the model folder to write; replaced if it is one already
	// SelfTest, if not nil, gets the new folder before it is in its place, complete but for
	// SelfTestFile, and returns that file's content. Its error is Convert's.
	SelfTest func(dir string) ([]byte, error)
}

// Convert writes the checkpoint (as torch.save writes it, or safetensors) as a model folder that Open
// reads: the tensors that inference uses in the checkpoint's own precision, the configuration,
// the vocabulary and the checkpoint's SHA-256. The folder appears complete or not at all.
//
// It fails, with nothing written, where the checkpoint cannot be read, lacks a tensor
// (ErrIncomplete), has one in a wrong shape (TensorError), disagrees with o.Config, where the
// vocabulary has another number of lines, or where o.Out is something else than a model folder.
func Convert(ctx context.Context, path string, o ConvertOptions) (*Report, error) {
	r, err := convert(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", path, err)
	}
	return r, nil
}

func convert(ctx context.Context, path string, o ConvertOptions) (*Report, error) {
	target, err := newTarget(o.Out)
	if err != nil {
		return nil, err
	}
	file, err := openCheckpoint(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p, err := newPlan(file.Tensors(), o)
	if err != nil {
		return nil, err
	}
	vocab, err := readVocab(o.Vocab, p.config.Text.VocabSize)
	if err != nil {
		return nil, err
	}
	source := Source{File: filepath.Base(path), Bytes: file.size}
	if source.SHA256, err = file.SHA256(ctx); err != nil {
		return nil, err
	}
	if err := p.verify(ctx, file); err != nil {
		return nil, err
	}
	r := &Report{Config: p.config, Assumed: p.assumed, Missing: p.missing, Surplus: append(p.surplus, file.Others()...),
		Names: p.note, Source: source, Tensors: len(file.Tensors()), Stored: len(p.keep), Precision: map[tensor.DType]int{}, Out: o.Out}
	for _, t := range p.keep {
		r.Precision[t.DType]++
	}
	err = target.write(func(dir string) error {
		if r.Bytes, err = writeModel(ctx, filepath.Join(dir, modelFile), file, p, source); err != nil {
			return err
		}
		text, err := encodeConfig(p.config, &source)
		if err != nil {
			return fmt.Errorf("encode configuration: %w", err)
		}
		if err := writeFile(filepath.Join(dir, configFile), bytes.NewReader(text)); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, vocabFile), bytes.NewReader(vocab)); err != nil || o.SelfTest == nil {
			return err
		}
		if text, err = o.SelfTest(dir); err != nil {
			return fmt.Errorf("self-test: %w", err)
		}
		return writeFile(filepath.Join(dir, SelfTestFile), bytes.NewReader(text))
	})
	return r, err
}

// verify checks what only the data can tell.
func (p *plan) verify(ctx context.Context, file *checkpoint) error {
	if err := p.fits(file.size); err != nil {
		return err
	}
	if err := file.Verify(ctx, append(p.keep[:len(p.keep):len(p.keep)], p.ropes...)); err != nil {
		return err
	}
	return p.verifyRope(ctx, file)
}

// verifyRope makes sure that the blocks' rotary buffers are the tower's, which alone are kept.
func (p *plan) verifyRope(ctx context.Context, file *checkpoint) error {
	for _, own := range p.keep {
		if own.Name != RopeCos && own.Name != RopeSin {
			continue
		}
		part := strings.TrimPrefix(own.Name, visual) // rope.freqs_cos or rope.freqs_sin
		var want bytes.Buffer
		if err := file.CopyTo(ctx, &want, own); err != nil {
			return err
		}
		for _, block := range p.ropes {
			if !strings.HasSuffix(block.Name, part) || block.SameData(own) {
				continue
			}
			var got bytes.Buffer
			if err := file.CopyTo(ctx, &got, block); err != nil {
				return err
			}
			if block.DType != own.DType || !bytes.Equal(got.Bytes(), want.Bytes()) {
				return fmt.Errorf("tensors %s and %s differ; a Visualized-BGE has one rotary embedding for all blocks", block.Name, own.Name)
			}
		}
	}
	return nil
}

// writeModel writes model.safetensors and returns its size.
func writeModel(ctx context.Context, path string, file *checkpoint, p *plan, source Source) (int64, error) {
	tensors := make([]tensor.Source, len(p.keep))
	for i, t := range p.keep {
		tensors[i] = tensor.Source{Name: t.Name, DType: t.DType, Shape: t.Shape,
			Data: func(w io.Writer) error { return file.CopyTo(ctx, w, t) }}
	}
	return createBuffered(path, func(w io.Writer) error {
		return safetensors.Write(w, map[string]string{metadataSource: source.SHA256}, tensors)
	})
}

// maxVocabBytes bounds the vocabulary; bert-base-uncased's takes 232 kB.
const maxVocabBytes = 64 << 20

// readVocab returns the vocabulary's content, which must have one line for each word embedding.
func readVocab(path string, size int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxVocabBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read vocabulary %s: %w", path, err)
	}
	if len(text) > maxVocabBytes {
		return nil, fmt.Errorf("vocabulary %s has more than %d bytes", path, maxVocabBytes)
	}
	lines := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		lines++
	}
	if lines != size {
		return nil, fmt.Errorf("vocabulary %s has %d lines, the checkpoint has %d word embeddings: take the model's own vocab.txt", path, lines, size)
	}
	return text, nil
}
