package simtest

import (
	"bytes"
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

	"github.com/gymline/gymline/internal/seed"
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
	// Lose says that the answer to a call is lost on its way, though the call was
	// carried out: "POST /v1/batches", counted from 0 for each kind of call.
	Lose func(call string, n int) bool

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

type serverBatch struct {
	number                           int
	id, input, status, output, errID string
	created                          time.Time
	metadata                         map[string]any
	problems                         []Problem
	requests                         []serverLine
	completed, failed                int
}

type serverLine struct {
	CustomID string          `json:"custom_id"`
	Method   string          `json:"method"`
	URL      string          `json:"url"`
	Body     json.RawMessage `json:"body"`
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
			_, _ = io.WriteString(w, `{"error":{"message":"not now"}}`)
			return
		}
	}
	out, err := s.serve(r, call, id)
	if s.Lose != nil && s.Lose(call, n) {
		panic(http.ErrAbortHandler)
	}
	if e, ok := errors.AsType[*apiError](err); ok {
		w.WriteHeader(e.status)
		out, _ = json.Marshal(map[string]any{"error": map[string]any{"message": e.message, "type": "invalid_request_error", "code": nil}})
	}
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
	case "GET /v1/files/{id}/content":
		if data, ok := s.files[id]; ok {
			return data, nil
		}
		return nil, &apiError{http.StatusNotFound, "No such File object: " + id}
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
	file, head, err := r.FormFile("file")
	if err != nil || r.FormValue("purpose") != "batch" {
		return nil, &apiError{http.StatusBadRequest, "'file' and 'purpose' are required"}
	}
	defer file.Close()
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	data, err := io.ReadAll(file)
	if err != nil || len(data) > maxBytes {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "File is too large."}
	}
	id := s.store(data)
	return json.Marshal(map[string]any{"id": id, "object": "file", "bytes": len(data), "filename": head.Filename, "purpose": "batch", "status": "processed"})
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

// validate reads a batch's file.
func (s *Batches) validate(b *serverBatch) {
	ids := map[string]bool{}
	refuse := func(code string, line int) { b.problems = append(b.problems, Problem{code, code, line}) }
	for i, text := range bytes.Split(bytes.TrimSpace(s.files[b.input]), []byte("\n")) {
		var line serverLine
		switch err := json.Unmarshal(text, &line); {
		case err != nil:
			refuse("invalid_json_line", i+1)
		case line.Method != "POST" || line.URL != endpoint:
			refuse("mismatched_endpoint", i+1)
		case line.CustomID == "" || ids[line.CustomID]:
			refuse("duplicate_custom_id", i+1)
		}
		ids[line.CustomID] = true
		b.requests = append(b.requests, line)
	}
	if len(b.requests) > maxRequests {
		refuse("too_many_requests", 0)
	}
	if s.Refuse != nil {
		b.problems = append(b.problems, s.Refuse(b.number)...)
	}
	b.status = "in_progress"
	if len(b.problems) > 0 {
		b.status, b.requests = "failed", nil
	}
}

func (s *Batches) advance(ctx context.Context, b *serverBatch) {
	switch b.status {
	case "validating":
		s.validate(b)
	case "in_progress":
		if !s.held {
			b.status = "finalizing"
		}
	case "finalizing":
		b.status = "completed"
		if s.finish(ctx, b, len(b.requests)) {
			b.status = "expired"
		}
	case "cancelling":
		if !s.held {
			b.status = "cancelled"
			s.finish(ctx, b, len(b.requests)/2)
		}
	}
}

func (s *Batches) cancel(b *serverBatch) bool {
	switch b.status {
	case "validating", "in_progress", "finalizing":
		b.status = "cancelling"
		return true
	}
	return false
}

// finish answers the first requests of a batch and writes its files. It reports
// whether some expired.
func (s *Batches) finish(ctx context.Context, b *serverBatch, most int) (expired bool) {
	var output, failures []string
	unanswered := func(id, code string) {
		failures = append(failures, fmt.Sprintf(`{"id":"batch_req","custom_id":%q,"response":null,"error":{"code":%q,"message":"This request could not be executed."}}`, id, code))
		b.failed++
	}
	for i, r := range b.requests {
		fate := ""
		if s.Fate != nil {
			fate = s.Fate(b.number, i)
		}
		status, err := strconv.Atoi(fate)
		switch {
		case i >= most:
			unanswered(r.CustomID, "batch_cancelled")
			continue
		case fate == "expired":
			expired = true
			unanswered(r.CustomID, "batch_expired")
			continue
		case err == nil:
			failures = append(failures, fmt.Sprintf(`{"id":"batch_req","custom_id":%q,"response":{"status_code":%d,"request_id":"r","body":{"error":{"message":"no","type":"t","code":"c"}}},"error":null}`, r.CustomID, status))
			b.failed++
			continue
		}
		how := s.Answer
		if how == nil {
			how = answer
		}
		body, err := how(ctx, r.Body)
		if err != nil {
			unanswered(r.CustomID, "server_error")
			continue
		}
		b.completed++
		s.billed[r.CustomID]++
		line := fmt.Sprintf(`{"id":"batch_req","custom_id":%q,"response":{"status_code":200,"request_id":"r","body":%s},"error":null}`, r.CustomID, body)
		switch fate {
		case "missing":
		case "damaged":
			output = append(output, line[:len(line)/2])
		case "repeated":
			output = append(output, line, line)
		case "unknown":
			output = append(output, strings.Replace(line, r.CustomID, strings.Repeat("ab", len(r.CustomID)/2), 1))
		default:
			output = append(output, line)
		}
	}
	for _, f := range []struct {
		lines []string
		id    *string
	}{{output, &b.output}, {failures, &b.errID}} {
		if len(f.lines) == 0 {
			continue
		}
		seed.New(uint64(b.number), "shuffle").Shuffle(len(f.lines), func(i, j int) { f.lines[i], f.lines[j] = f.lines[j], f.lines[i] })
		*f.id = s.store([]byte(strings.Join(f.lines, "\n") + "\n"))
	}
	return expired
}

func (b *serverBatch) json() []byte {
	text := func(id string) any {
		if id == "" {
			return nil
		}
		return id
	}
	out := map[string]any{
		"id": b.id, "object": "batch", "endpoint": endpoint, "errors": nil, "input_file_id": b.input, "completion_window": "24h", "status": b.status,
		"output_file_id": text(b.output), "error_file_id": text(b.errID), "created_at": b.created.Unix(), "metadata": b.metadata,
		"request_counts": map[string]int{"total": len(b.requests), "completed": b.completed, "failed": b.failed},
	}
	if len(b.problems) > 0 {
		var data []any
		for _, p := range b.problems {
			one := map[string]any{"code": p.Code, "message": p.Message, "param": nil, "line": nil}
			if p.Line > 0 {
				one["line"] = p.Line
			}
			data = append(data, one)
		}
		out["errors"] = map[string]any{"object": "list", "data": data}
	}
	encoded, _ := json.Marshal(out)
	return encoded
}
