package job

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gymline/gymline/internal/store"
)

// An Output is a named output being written.
type Output struct {
	name      string
	mediaType string
	blob      *store.BlobWriter
	rows      int64
	twin      *Output // whose bytes these are; then there is no blob
}

// Create starts an output. Nothing is visible before the job returns nil.
func (t *Task) Create(name, mediaType string) *Output {
	o := &Output{name: name, mediaType: mediaType, blob: t.opened.store.NewBlob()}
	t.outputs = append(t.outputs, o)
	return o
}

// Twin starts an output that holds whatever another one does, at no cost, until
// it parts from it.
func (t *Task) Twin(name, mediaType string, of *Output) *Output {
	o := &Output{name: name, mediaType: mediaType, twin: of}
	t.outputs = append(t.outputs, o)
	return o
}

// Part gives a twin a copy of its own of what the other one holds by now.
func (o *Output) Part() error {
	if o.twin == nil {
		return nil
	}
	blob, err := o.writer().Clone()
	if err != nil {
		return fmt.Errorf("output %s: %w", o.name, err)
	}
	o.blob, o.twin = blob, nil
	return nil
}

// Write implements io.Writer; a twin parts first.
func (o *Output) Write(p []byte) (int, error) {
	if err := o.Part(); err != nil {
		return 0, err
	}
	return o.blob.Write(p)
}

// writer has the output's bytes.
func (o *Output) writer() *store.BlobWriter {
	if o.twin != nil {
		return o.twin.writer()
	}
	return o.blob
}

// Row writes v as one JSON line.
func (o *Output) Row(v any) error {
	enc := json.NewEncoder(o)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("output %s: %w", o.name, err)
	}
	o.rows++
	return nil
}

// SetRows says how many rows an output has that was not written with Row.
func (o *Output) SetRows(n int64) { o.rows = n }

// Sum ends the writing of an output and returns the digest and the number of its
// bytes.
func (o *Output) Sum() (store.Digest, int64, error) {
	d, err := o.writer().Digest()
	if err != nil {
		err = fmt.Errorf("output %s: %w", o.name, err)
	}
	return d, o.writer().Bytes(), err
}

// WriteJSON writes v as the one indented JSON document of an output.
func (t *Task) WriteJSON(name string, v any) error { return t.Create(name, JSON).Document(v) }

// Document writes v as an output's one indented JSON document.
func (o *Output) Document(v any) error {
	enc := json.NewEncoder(o)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("output %s: %w", o.name, err)
	}
	return nil
}

// Publish asks for all outputs to be kept under exports/name as well, with real
// file names, for trainers. It happens after they are committed.
func (t *Task) Publish(name string) { t.publish = name }

// commit uploads the outputs and returns their artifacts by order of creation, and
// the sizes of their blobs.
func (t *Task) commit(ctx context.Context) ([]store.Artifact, map[store.Digest]int64, error) {
	if len(t.outputs) == 0 {
		return nil, nil, nil
	}
	out := make([]store.Artifact, len(t.outputs))
	err := store.SideBySide(ctx, len(out), func(i int) error {
		o := t.outputs[i]
		if o.twin != nil {
			return nil
		}
		if _, err := o.blob.Commit(ctx); err != nil {
			return fmt.Errorf("output %s: %w", o.name, err)
		}
		return nil
	})
	stored := map[store.Digest]int64{}
	for i, o := range t.outputs {
		out[i] = store.Artifact{Name: o.name, Rows: o.rows, MediaType: o.mediaType}
		if err == nil {
			out[i].Digest, out[i].Bytes, err = o.Sum()
			stored[out[i].Digest] = o.writer().Stored()
		}
	}
	return out, stored, err
}

// published pairs the artifacts that were committed with what has their bytes.
func (t *Task) published(artifacts []store.Artifact) []store.Published {
	files := make([]store.Published, len(artifacts))
	for i, o := range t.outputs {
		files[i] = store.Published{Artifact: artifacts[i], Blob: o.writer()}
	}
	return files
}

func (t *Task) discard() {
	for _, o := range t.outputs {
		if o.blob != nil {
			o.blob.Discard()
		}
	}
}
