package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/sashabaranov/go-openai"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/text"
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
	return r.keep(&http.Response{StatusCode: r.code, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(r.answer))})
}

// A plain exchange sends what it is given. What it is answered is read here and
// not by the client, whose types are OpenAI's alone.
type plain struct{ *exchange }

func (p plain) Do(req *http.Request) (*http.Response, error) {
	resp, err := p.send(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return p.keep(resp)
}

// call makes one call of the files or batches API, and returns what it is answered.
func (b *Batches) call(ctx context.Context, fn func(*openai.Client) error) (*exchange, error) {
	x := &exchange{chatter: b.chatter}
	if err := fn(b.client(plain{x})); err != nil {
		return nil, b.failure(ctx, x, err)
	}
	return x, nil
}

// none is the error for an answer that does not hold what it should: an error in
// a 2xx answer, or something else altogether.
func (x *exchange) none(what string) error {
	if said(object(x.body)["error"]) {
		return x.failed(describe(x.body))
	}
	shown := strconv.Quote(strings.TrimSpace(x.key.scrub(string(x.body))))
	return &llm.Error{Model: x.model.Name, Status: x.status, Code: damagedBody, Class: llm.Retryable,
		Err: fmt.Errorf("the answer is not %s: %s", what, text.ClipBytes(shown, 200))}
}

// oneBatch makes a call that is answered with a batch.
func (b *Batches) oneBatch(ctx context.Context, fn func(*openai.Client) error) (llm.Batch, error) {
	x, err := b.call(ctx, fn)
	if err != nil {
		return llm.Batch{}, err
	}
	out := b.batch(x.body)
	if out.ID == "" {
		return llm.Batch{}, x.none("a batch")
	}
	return out, nil
}

// oneFile makes a call that is answered with a file.
func (b *Batches) oneFile(ctx context.Context, fn func(*openai.Client) error) (llm.File, error) {
	x, err := b.call(ctx, fn)
	if err != nil {
		return llm.File{}, err
	}
	out := b.file(x.body)
	if out.ID == "" {
		return llm.File{}, x.none("a file")
	}
	return out, nil
}

// Upload stores a file of requests.
func (b *Batches) Upload(ctx context.Context, name string, data []byte) (llm.File, error) {
	return b.oneFile(ctx, func(c *openai.Client) error {
		_, err := c.CreateFileBytes(ctx, openai.FileBytesRequest{Name: name, Bytes: data, Purpose: openai.PurposeBatch})
		return err
	})
}

// File asks how an uploaded file stands.
func (b *Batches) File(ctx context.Context, id string) (llm.File, error) {
	return b.oneFile(ctx, func(c *openai.Client) error {
		_, err := c.GetFile(ctx, id)
		return err
	})
}

// Create starts a batch of an uploaded file.
func (b *Batches) Create(ctx context.Context, file, mark string) (llm.Batch, error) {
	return b.oneBatch(ctx, func(c *openai.Client) error {
		_, err := c.CreateBatch(ctx, openai.CreateBatchRequest{
			InputFileID: file, Endpoint: openai.BatchEndpointChatCompletions, CompletionWindow: "24h", Metadata: map[string]any{markField: mark},
		})
		return err
	})
}

// Get asks how a batch stands.
func (b *Batches) Get(ctx context.Context, id string) (llm.Batch, error) {
	return b.oneBatch(ctx, func(c *openai.Client) error {
		_, err := c.RetrieveBatch(ctx, id)
		return err
	})
}

// Cancel asks for no more answers; those that came stay, and are billed.
func (b *Batches) Cancel(ctx context.Context, id string) error {
	_, err := b.call(ctx, func(c *openai.Client) error {
		_, err := c.CancelBatch(ctx, id)
		return err
	})
	return err
}

// List returns a page of the account's batches, newest first, that starts after
// the batch of that ID ("": from the start), and whether there is another page.
func (b *Batches) List(ctx context.Context, after string) (page []llm.Batch, more bool, err error) {
	x, err := b.call(ctx, func(c *openai.Client) error {
		limit, from := 100, &after
		if after == "" {
			from = nil
		}
		_, err := c.ListBatch(ctx, from, &limit)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	f := object(x.body)
	var all []json.RawMessage
	if json.Unmarshal(f["data"], &all) != nil && json.Unmarshal(x.body, &all) != nil {
		return nil, false, x.none("a list of batches")
	}
	for _, one := range all {
		if found := b.batch(one); found.ID != "" {
			page = append(page, found)
		}
	}
	return page, string(f["has_more"]) == "true", nil
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
	return nil, d.receive(resp)
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.stream.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.unreachable(err)
	}
	return n, err
}

func (d *download) Close() error { return d.stream.Close() }
