package simtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/seed"
)

// A serverBatch is a batch as the server keeps it.
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
