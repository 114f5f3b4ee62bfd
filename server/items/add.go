package items

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
)

// New is a picture to be added.
type New struct {
	Image  []byte         // of its file
	Fields map[string]any // metadata; nil keeps what a row has
}

// Added is what became of a New.
type Added struct {
	ID        string // of its row
	ImagePath string
	Existed   bool  // it was in the catalogue before
	Err       error // why it is not in the catalogue, or not with these Fields
}

// item is a picture on its way into the catalogue. Equal pictures of a call are one item.
type item struct {
	id, path, content string
	name              string // of its file under Dir
	file              []byte
	fields            map[string]any // of the last that has any; nil for none
	fieldsHash        string

	existed bool
	vector  []float32
	created bool // its file was not there before
	err     error
}

// Add puts pictures into the catalogue and keeps their files: each is there afterwards, with its
// file and its row, or has an error and has left neither. The outcomes stand in the order of news,
// as if they had come one after another. A picture that is in the catalogue already is not embedded
// again; its metadata is replaced, unless Fields is nil.
//
// The error is for the call as a whole: ErrReadOnly, catalog.ErrForeign, what Embed refused, Milvus
// out of reach. The outcomes are there all the same.
//
// Calls for the same picture take turns, Delete included.
func (s *Store) Add(ctx context.Context, news []New) ([]Added, error) {
	added := make([]Added, len(news))
	if s.kept.given == "" {
		return refuse(added, ErrReadOnly)
	}
	items, places := s.gather(news, added)
	unlock, err := s.locks.lock(ctx, idsOf(items)...)
	if err != nil {
		return refuse(added, err)
	}
	defer unlock()
	err = s.add(ctx, items)
	seen := map[*item]bool{}
	for i, it := range places {
		if it == nil {
			continue
		}
		added[i] = Added{ID: it.id, ImagePath: it.path, Existed: it.existed || seen[it], Err: it.err}
		seen[it] = true
	}
	return added, err
}

// refuse gives all that have none this error.
func refuse(added []Added, err error) ([]Added, error) {
	for i := range added {
		if added[i].Err == nil {
			added[i].Err = err
		}
	}
	return added, err
}

// gather makes an item of every different picture and returns the item of every place, nil for one that is none;
// why not is among the outcomes.
func (s *Store) gather(news []New, added []Added) (items, places []*item) {
	places = make([]*item, len(news))
	byID := map[string]*item{}
	for i, n := range news {
		_, extension, ok := kindOf(n.Image)
		if !ok {
			added[i].Err = fmt.Errorf("%w: %w", pixels.ErrFormat, ErrKind)
			continue
		}
		fieldsHash, err := catalog.FieldsHash(n.Fields)
		if err != nil {
			added[i].Err = err
			continue
		}
		it := s.newItem(n.Image, extension)
		if known := byID[it.id]; known != nil {
			it = known
		} else {
			byID[it.id] = it
			items = append(items, it)
		}
		if n.Fields != nil || it.fieldsHash == "" {
			it.fields, it.fieldsHash = n.Fields, fieldsHash
		}
		places[i] = it
	}
	return items, places
}

func (s *Store) newItem(file []byte, extension string) *item {
	content := hash(file)
	name := nameOf(content, extension)
	path := filepath.Join(s.kept.path, name)
	return &item{id: hash([]byte(path)), path: path, content: content, name: name, file: file} // the id is package index's
}

func idsOf(items []*item) []string {
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.id
	}
	return ids
}

// add does it, with everybody else locked out. What goes wrong is in the items, and besides
// returned if it concerns them all.
func (s *Store) add(ctx context.Context, items []*item) error {
	write, err := s.compare(ctx, items)
	if err == nil {
		err = s.embed(ctx, slices.DeleteFunc(slices.Clone(write), func(it *item) bool { return it.vector != nil }))
	}
	if err != nil {
		for _, it := range items {
			it.err = err
		}
		return err
	}
	for _, it := range items {
		if it.err == nil {
			it.created, it.err = s.keep(it.name, it.file)
		}
		if it.err != nil {
			s.takeBack(it)
		}
	}
	return s.write(ctx, slices.DeleteFunc(write, func(it *item) bool { return it.err != nil }))
}

// compare returns the items whose rows are to be written, with the vectors that are known.
func (s *Store) compare(ctx context.Context, items []*item) (write []*item, err error) {
	c := s.options.Catalog
	found, err := c.Find(ctx, idsOf(items))
	if err != nil {
		return nil, err
	}
	if c.Info().Model == "" {
		return nil, catalog.ErrForeign
	}
	var changed []*item
	for _, it := range items {
		row, ok := found[it.id]
		it.existed = ok && row.ContentHash == it.content
		switch {
		case !it.existed:
			write = append(write, it)
		case it.fields != nil && row.FieldsHash != it.fieldsHash:
			changed = append(changed, it)
		}
	}
	if len(changed) > 0 {
		vectors, err := c.Vectors(ctx, idsOf(changed))
		if err != nil {
			return nil, err
		}
		for _, it := range changed {
			it.vector = vectors[it.id]
		}
	}
	return append(write, changed...), nil
}

// embed gives each item its vector or its error.
func (s *Store) embed(ctx context.Context, items []*item) error {
	if len(items) == 0 {
		return nil
	}
	inputs := make([]engine.Input, len(items))
	for i, it := range items {
		inputs[i].Image = it.file
	}
	results, err := s.options.Embed(ctx, inputs)
	if err != nil {
		return err
	}
	if len(results) != len(items) {
		return fmt.Errorf("items: the model gave %d results for %d pictures", len(results), len(items))
	}
	dimension := s.options.Catalog.Info().Dimension
	for i, it := range items {
		it.vector, it.err = results[i].Embedding, results[i].Err
		if it.err == nil {
			it.err = catalog.CheckVector(it.vector, dimension)
		}
	}
	return nil
}

// write writes the rows. The files of those that are not there then are taken back.
func (s *Store) write(ctx context.Context, items []*item) error {
	rows := make([]catalog.Row, len(items))
	for i, it := range items {
		rows[i] = catalog.Row{ID: it.id, ImagePath: it.path, Vector: it.vector, ContentHash: it.content, Source: Source, Fields: it.fields}
	}
	if len(rows) == 0 {
		return nil
	}
	err := s.options.Catalog.Upsert(ctx, rows)
	if err == nil {
		return nil
	}
	// Milvus may have written rows though its answer was lost, or the client has left.
	found, _ := s.look(ctx, idsOf(items)...) // where that cannot be known, they are not
	var lost bool
	for _, it := range items {
		if row := found[it.id]; row.ContentHash != it.content || row.FieldsHash != it.fieldsHash {
			it.err, lost = err, true
			s.takeBack(it)
		}
	}
	if !lost {
		return nil
	}
	return err
}

// takeBack removes the file of an item that failed, unless it was there before.
func (s *Store) takeBack(it *item) {
	if it.created {
		it.err = errors.Join(it.err, s.discard(it.name))
	}
}
