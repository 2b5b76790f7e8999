package simtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	endpoint    = "/v1/chat/completions"
	maxRequests = 50_000
	maxBytes    = 200_000_000
)

// Batches behaves like the files and batches API, in memory. A batch goes a step
// on whenever somebody asks how it stands: validating, in_progress, finalizing,
// completed. Its answers come in another order than its requests.
type Batches struct {
	Now func() time.Time
	// Answer answers the body of a request; nil means as the sim.
	Answer func(ctx context.Context, body []byte) ([]byte, error)
	// Fate says what becomes of request i of the batch-th batch (from 0), if not
	// an answer: a status code as text, "expired", "missing", "damaged",
	// "repeated" (answered, in two lines) or "unknown" (answered under a stranger's ID).
	Fate func(batch, i int) string
	// Refuse says what a batch's validation finds.
	Refuse func(batch int) []Problem
	// Down says with which status a call fails without being carried out, if not 0.
	Down func(call string, n int) int
	// Excuse is what such a call is answered; a text of its own unless given.
	Excuse string
	// Lose says that the answer to a call is lost on its way, though the call was
	// carried out: "POST /v1/batches", counted from 0 for each kind of call.
	Lose func(call string, n int) bool
	// Bend says what becomes of an answer on its way: what a provider of other
	// manners, or one whose copies do not agree yet, would say instead.
	Bend func(call string, n, status int, body []byte) (int, []byte)

	mu      sync.Mutex
	held    bool
	files   map[string][]byte
	batches []*serverBatch
	calls   map[string]int
	billed  map[string]int
}

// A Problem is an error of a batch's validation; Line 0 is the whole file's.
type Problem struct {
	Code, Message string
	Line          int
}

// Hold keeps batches from going on beyond in_progress or cancelling.
func (s *Batches) Hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = on
}

// Count returns how many batches there are.
func (s *Batches) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.batches)
}

// Calls returns how often a call was made, e.g. "POST /v1/batches"; an ID counts as {id}.
func (s *Batches) Calls(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// Billed returns how many requests were answered, and how many different ones.
func (s *Batches) Billed() (all, different int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.billed {
		all += n
	}
	return all, len(s.billed)
}

// CancelAll cancels the batches that have not ended, as on the provider's site.
func (s *Batches) CancelAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.batches {
		s.cancel(b)
	}
}

// ServeHTTP implements http.Handler.
func (s *Batches) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // v1, files, …
	if len(parts) > 2 {
		parts[2] = "{id}"
	}
	call := r.Method + " /" + strings.Join(parts, "/")
	id := strings.Split(strings.Trim(r.URL.Path, "/")+"///", "/")[2]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.files, s.calls, s.billed = map[string][]byte{}, map[string]int{}, map[string]int{}
	}
	n := s.calls[call]
	s.calls[call]++
	if s.Down != nil {
		if status := s.Down(call, n); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, cmp.Or(s.Excuse, `{"error":{"message":"not now"}}`))
			return
		}
	}
	out, err := s.serve(r, call, id)
	if s.Lose != nil && s.Lose(call, n) {
		panic(http.ErrAbortHandler)
	}
	status := http.StatusOK
	if e, ok := errors.AsType[*apiError](err); ok {
		status = e.status
		out, _ = json.Marshal(map[string]any{"error": map[string]any{"message": e.message, "type": "invalid_request_error", "code": nil}})
	}
	if s.Bend != nil {
		status, out = s.Bend(call, n, status, out)
	}
	w.WriteHeader(status)
	_, _ = w.Write(out)
}

type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

func (s *Batches) serve(r *http.Request, call, id string) ([]byte, error) {
	switch call {
	case "POST /v1/files":
		return s.upload(r)
	case "GET /v1/files/{id}", "GET /v1/files/{id}/content":
		data, ok := s.files[id]
		if !ok {
			return nil, &apiError{http.StatusNotFound, "No such File object: " + id}
		}
		if call == "GET /v1/files/{id}" {
			return fileJSON(id, len(data))
		}
		return data, nil
	case "POST /v1/batches":
		return s.create(r)
	case "GET /v1/batches":
		return s.list(r)
	}
	i := slices.IndexFunc(s.batches, func(b *serverBatch) bool { return b.id == id })
	if i < 0 {
		return nil, &apiError{http.StatusNotFound, "No batch found with id '" + id + "'."}
	}
	switch call {
	case "GET /v1/batches/{id}":
		s.advance(r.Context(), s.batches[i])
	case "POST /v1/batches/{id}/cancel":
		if !s.cancel(s.batches[i]) {
			return nil, &apiError{http.StatusConflict, "Cannot cancel a batch with status '" + s.batches[i].status + "'."}
		}
	}
	return s.batches[i].json(), nil
}

func (s *Batches) upload(r *http.Request) ([]byte, error) {
	file, _, err := r.FormFile("file")
	if err != nil || r.FormValue("purpose") != "batch" {
		return nil, &apiError{http.StatusBadRequest, "'file' and 'purpose' are required"}
	}
	defer file.Close()
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	data, err := io.ReadAll(file)
	if err != nil || len(data) > maxBytes {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "File is too large."}
	}
	return fileJSON(s.store(data), len(data))
}

func fileJSON(id string, size int) ([]byte, error) {
	return json.Marshal(map[string]any{"id": id, "object": "file", "bytes": size, "purpose": "batch", "status": "processed"})
}

func (s *Batches) store(data []byte) string {
	id := fmt.Sprintf("file-%d", len(s.files)+1)
	s.files[id] = data
	return id
}

func (s *Batches) create(r *http.Request) ([]byte, error) {
	var req struct {
		Input    string         `json:"input_file_id"`
		Endpoint string         `json:"endpoint"`
		Window   string         `json:"completion_window"`
		Metadata map[string]any `json:"metadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, &apiError{http.StatusBadRequest, err.Error()}
	}
	if _, ok := s.files[req.Input]; !ok || req.Endpoint != endpoint || req.Window != "24h" {
		return nil, &apiError{http.StatusBadRequest, "Invalid input_file_id, endpoint or completion_window"}
	}
	for k, v := range req.Metadata {
		if text, ok := v.(string); !ok || len(text) > 512 || len(k) > 64 {
			return nil, &apiError{http.StatusBadRequest, "Invalid metadata"}
		}
	}
	b := &serverBatch{number: len(s.batches), input: req.Input, status: "validating", metadata: req.Metadata, created: s.Now()}
	b.id = fmt.Sprintf("batch_%d", b.number+1)
	s.batches = append(s.batches, b)
	return b.json(), nil
}

func (s *Batches) list(r *http.Request) ([]byte, error) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		limit = 20
	}
	rest := slices.Clone(s.batches)
	slices.Reverse(rest)
	if after := r.URL.Query().Get("after"); after != "" {
		i := slices.IndexFunc(rest, func(b *serverBatch) bool { return b.id == after })
		if i < 0 {
			return nil, &apiError{http.StatusBadRequest, "No such batch: " + after}
		}
		rest = rest[i+1:]
	}
	page := rest[:min(limit, 100, len(rest))]
	data := []json.RawMessage{}
	for _, b := range page {
		data = append(data, b.json())
	}
	return json.Marshal(map[string]any{"object": "list", "data": data, "has_more": len(page) < len(rest)})
}
