package index

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vbge/server/catalog"
)

// picture is a file on its way through the pipeline.
type picture struct {
	file
	data      []byte // nil when unchanged
	content   string // hash of data
	fields    map[string]any
	unchanged bool
	err       error // why it cannot be read
}

// index sends all files through two stages: one reads and hashes while the other
// embeds and writes. At most two batches of files are in memory.
func (r *run) index(ctx context.Context, files []file) error {
	pictures := make(chan picture, r.Batch)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(pictures)
		for _, f := range files {
			select {
			case pictures <- r.read(f):
			case <-inner.Done():
				return nil // the other stage says why
			}
		}
		return nil
	})
	group.Go(func() error { return r.consume(ctx, pictures, len(files)) })
	return group.Wait()
}

// read reads a file and decides whether its row is up to date.
func (r *run) read(f file) picture {
	p := picture{file: f, err: f.unfit}
	if p.err != nil {
		return p
	}
	if p.data, p.err = readFile(f.path, r.MaxFileBytes); p.err != nil {
		return p
	}
	p.content = hash(p.data)
	fields := r.metadata.of(f)
	p.fields = fields.values
	entry, known := r.entries[f.id]
	p.unchanged = known && entry.ContentHash == p.content && entry.Source == r.source &&
		(r.metadata == nil || entry.FieldsHash == fields.hash)
	if p.unchanged {
		p.data = nil
	}
	return p
}

// consume gathers batches and writes them until there are no more pictures or
// ctx is cancelled, which it looks at between batches only.
func (r *run) consume(ctx context.Context, pictures <-chan picture, total int) error {
	var batch []picture
	for {
		if len(batch) == r.Batch {
			if err := r.write(ctx, batch); err != nil {
				return r.interrupted(err, total)
			}
			batch = nil
			r.progress(total)
		}
		if ctx.Err() != nil {
			return r.stopped(ctx, total)
		}
		select {
		case <-ctx.Done():
			return r.stopped(ctx, total)
		case p, ok := <-pictures:
			switch {
			case !ok && ctx.Err() != nil: // the reading stage has ended early
				return r.stopped(ctx, total)
			case !ok:
				err := r.write(ctx, batch)
				r.progress(total)
				return r.interrupted(err, total)
			case p.err != nil:
				r.skip(p, p.err)
			case p.unchanged:
				r.done++
				r.report.Unchanged++
			default:
				batch = append(batch, p)
				continue
			}
			r.progress(total)
		}
	}
}

func (r *run) stopped(ctx context.Context, total int) error {
	return fmt.Errorf("stopped after %d of %d pictures, run it again to continue: %w", r.done, total, ctx.Err())
}

// interrupted says the same of a Milvus that went away: what it has confirmed is kept.
func (r *run) interrupted(err error, total int) error {
	if errors.Is(err, catalog.ErrUnreachable) || errors.Is(err, catalog.ErrNotLoaded) {
		return fmt.Errorf("stopped after %d of %d pictures, run it again to continue: %w", r.done, total, err)
	}
	return err
}

func (r *run) progress(total int) {
	r.Progress(Progress{Done: r.done, Total: total, Skipped: len(r.report.Skipped)})
}

func (r *run) skip(p picture, err error) {
	r.done++
	r.report.Skipped = append(r.report.Skipped, Skipped{p.path, err})
}

// write embeds a batch and writes its rows. Once begun it is finished, so it
// obeys a deadline of its own instead of ctx's cancellation.
func (r *run) write(ctx context.Context, batch []picture) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.BatchTimeout)
	defer cancel()
	vectors, err := r.knownVectors(ctx, batch)
	if err != nil {
		return err
	}
	failed, embedded, err := r.embed(ctx, batch, vectors)
	if err != nil {
		return err
	}
	rows := make([]catalog.Row, 0, len(batch))
	for _, p := range batch {
		if failed[p.content] == nil {
			rows = append(rows, catalog.Row{
				ID: p.id, ImagePath: p.imagePath, Vector: vectors[p.content],
				ContentHash: p.content, Source: r.source, Fields: p.fields,
			})
		}
	}
	if err := r.Catalog.Upsert(ctx, rows); err != nil {
		return err
	}
	r.done += len(rows)
	r.report.Written += len(rows)
	r.report.Embedded += embedded
	for _, p := range batch {
		if err := failed[p.content]; err != nil {
			r.skip(p, err)
			continue
		}
		if old := r.entries[p.id].ContentHash; old != p.content && r.contents[old] == p.id {
			delete(r.contents, old) // this row had that vector, and has another one now
		}
	}
	for _, row := range rows {
		r.contents[row.ContentHash] = row.ID
	}
	return nil
}

// knownVectors returns, by content hash, the vectors of the batch that are in
// the catalogue already.
func (r *run) knownVectors(ctx context.Context, batch []picture) (map[string][]float32, error) {
	var ids []string
	contents := map[string]string{} // by id
	for _, p := range batch {
		if id, ok := r.contents[p.content]; ok && contents[id] == "" {
			contents[id] = p.content
			ids = append(ids, id)
		}
	}
	vectors := map[string][]float32{}
	if len(ids) == 0 {
		return vectors, nil
	}
	found, err := r.Catalog.Vectors(ctx, ids)
	for id, vector := range found {
		vectors[contents[id]] = vector
	}
	return vectors, err
}

// embed adds the vectors that are missing, one for each content, and returns
// the contents that failed and the number of those that did not.
func (r *run) embed(ctx context.Context, batch []picture, vectors map[string][]float32) (failed map[string]error, embedded int, err error) {
	failed = map[string]error{}
	var contents []string
	var files [][]byte
	seen := map[string]bool{}
	for _, p := range batch {
		if vectors[p.content] == nil && !seen[p.content] {
			seen[p.content] = true
			contents, files = append(contents, p.content), append(files, p.data)
		}
	}
	if len(files) == 0 {
		return failed, 0, nil
	}
	made, errs := r.Embedder.EmbedPictures(ctx, files)
	if len(made) != len(files) || len(errs) != len(files) {
		return nil, 0, fmt.Errorf("%w: it gave %d vectors and %d errors for %d pictures", ErrStop, len(made), len(errs), len(files))
	}
	for i, content := range contents {
		err := errs[i]
		if err == nil {
			err = catalog.CheckVector(made[i], r.Catalog.Info().Dimension)
		}
		switch {
		case err == nil:
			vectors[content] = made[i]
			embedded++
		case isFatal(err):
			return nil, 0, fmt.Errorf("embed: %w", err)
		default:
			failed[content] = err
		}
	}
	return failed, embedded, nil
}

func isFatal(err error) bool {
	return errors.Is(err, ErrStop) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, catalog.ErrDimension)
}
