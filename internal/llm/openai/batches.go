package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sashabaranov/go-openai"

	"github.com/gymline/gymline/internal/llm"
)

// Batches is the Batch API of a model's endpoint. The requests and answers in
// its files go through the very code of a direct call, so they cannot differ.
type Batches struct{ *chatter }

// NewBatches returns the Batch API of a model; it fails as New does.
func NewBatches(m llm.Model, a Access, client *http.Client) (*Batches, error) {
	c, err := newChatter(m, a, client)
	if err != nil {
		return nil, err
	}
	return &Batches{c}, nil
}

// markField is the member of a batch's metadata that holds its mark.
const markField = "gymline"

func batchOf(c *chatter, b openai.Batch) llm.Batch {
	mark, _ := b.Metadata[markField].(string)
	out := llm.Batch{ID: b.ID, Mark: mark, Status: b.Status, Created: time.Unix(int64(b.CreatedAt), 0), Total: b.RequestCounts.Total, Completed: b.RequestCounts.Completed}
	if b.OutputFileID != nil {
		out.Output = *b.OutputFileID
	}
	if b.ErrorFileID != nil {
		out.Errors = *b.ErrorFileID
	}
	if b.Errors == nil {
		return out
	}
	for _, e := range b.Errors.Data {
		x := &exchange{chatter: c, status: http.StatusBadRequest, body: errorBody(e.Code, e.Message)}
		p := llm.Problem{Err: x.failed()}
		if e.Line != nil {
			p.Line = *e.Line
		}
		out.Problems = append(out.Problems, p)
	}
	return out
}

// errorBody is the body that a direct call would have had for an error that a
// batch tells of in its own words.
func errorBody(code, message string) []byte {
	data, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}})
	return data
}

// Line returns req's line of a batch's file, with key as its custom ID.
func (b *Batches) Line(ctx context.Context, key llm.Key, req *llm.Request) ([]byte, error) {
	body, err := b.body(ctx, req)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"custom_id":"%s","method":"POST","url":"%s","body":%s}`+"\n", key, openai.BatchEndpointChatCompletions, body), nil
}

// body returns the body that Chat sends for req.
func (b *Batches) body(ctx context.Context, req *llm.Request) ([]byte, error) {
	k := &keeper{exchange: exchange{chatter: b.chatter}}
	if _, err := b.client(k).CreateChatCompletion(ctx, k.ask(req)); !errors.Is(err, errKept) {
		return nil, fmt.Errorf("model %s: build request: %w", b.model.Name, err)
	}
	return k.sent, nil
}

// A keeper keeps a body instead of sending it.
type keeper struct {
	exchange
	sent []byte
}

var errKept = errors.New("kept")

func (k *keeper) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if k.sent, err = k.mend(body); err != nil {
		return nil, err
	}
	return nil, errKept
}

// Answer reads a status and body as Chat does.
func (b *Batches) Answer(ctx context.Context, status int, body []byte) (*llm.Response, error) {
	x := &exchange{chatter: b.chatter}
	return b.complete(ctx, x, reader{x, status, body}, openai.ChatCompletionRequest{Model: b.model.Model})
}

// A reader has an answer already.
type reader struct {
	*exchange
	code   int
	answer []byte
}

func (r reader) Do(*http.Request) (*http.Response, error) {
	return r.receive(&http.Response{StatusCode: r.code, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(r.answer))})
}

// A plain exchange sends what it is given.
type plain struct{ *exchange }

func (p plain) Do(req *http.Request) (*http.Response, error) {
	resp, err := p.send(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return p.receive(resp)
}

// call makes one call of the files or batches API.
func (b *Batches) call(ctx context.Context, fn func(*openai.Client) error) error {
	x := &exchange{chatter: b.chatter}
	if err := fn(b.client(plain{x})); err != nil {
		return b.failure(ctx, x, err)
	}
	return nil
}

// Upload stores a file of requests and returns its ID.
func (b *Batches) Upload(ctx context.Context, name string, data []byte) (id string, err error) {
	err = b.call(ctx, func(c *openai.Client) error {
		f, err := c.CreateFileBytes(ctx, openai.FileBytesRequest{Name: name, Bytes: data, Purpose: openai.PurposeBatch})
		id = f.ID
		return err
	})
	return id, err
}

// Create starts a batch of an uploaded file.
func (b *Batches) Create(ctx context.Context, file, mark string) (out llm.Batch, err error) {
	err = b.call(ctx, func(c *openai.Client) error {
		got, err := c.CreateBatch(ctx, openai.CreateBatchRequest{
			InputFileID: file, Endpoint: openai.BatchEndpointChatCompletions, CompletionWindow: "24h", Metadata: map[string]any{markField: mark},
		})
		if err == nil && got.ID == "" {
			return &llm.Error{Model: b.model.Name, Status: 200, Code: "damaged_body", Class: llm.Retryable, Err: errors.New("the answer to a new batch has no ID")}
		}
		out = batchOf(b.chatter, got.Batch)
		return err
	})
	return out, err
}

// Get asks how a batch stands.
func (b *Batches) Get(ctx context.Context, id string) (out llm.Batch, err error) {
	err = b.call(ctx, func(c *openai.Client) error {
		got, err := c.RetrieveBatch(ctx, id)
		out = batchOf(b.chatter, got.Batch)
		return err
	})
	return out, err
}

// Cancel asks for no more answers; those that came stay, and are billed.
func (b *Batches) Cancel(ctx context.Context, id string) error {
	return b.call(ctx, func(c *openai.Client) error {
		_, err := c.CancelBatch(ctx, id)
		return err
	})
}

// List returns a page of the account's batches, newest first, that starts after
// the batch of that ID ("": from the start), and whether there is another page.
func (b *Batches) List(ctx context.Context, after string) (page []llm.Batch, more bool, err error) {
	err = b.call(ctx, func(c *openai.Client) error {
		limit, from := 100, &after
		if after == "" {
			from = nil
		}
		got, err := c.ListBatch(ctx, from, &limit)
		for _, one := range got.Data {
			page = append(page, batchOf(b.chatter, one))
		}
		more = got.HasMore
		return err
	})
	return page, more, err
}

// Content streams a file. Its reader's errors are *llm.Error too.
func (b *Batches) Content(ctx context.Context, file string) (io.ReadCloser, error) {
	d := &download{exchange: exchange{chatter: b.chatter}}
	got, err := b.client(d).GetFileContent(ctx, file)
	if err != nil {
		return nil, b.failure(ctx, &d.exchange, err)
	}
	d.stream = got.ReadCloser
	return d, nil
}

// A download hands its body on instead of reading it whole.
type download struct {
	exchange
	stream io.ReadCloser
}

func (d *download) Do(req *http.Request) (*http.Response, error) {
	resp, err := d.send(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		d.status = resp.StatusCode
		return resp, nil
	}
	defer resp.Body.Close()
	return d.receive(resp)
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.stream.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.unreachable(err)
	}
	return n, err
}

func (d *download) Close() error { return d.stream.Close() }
