package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// canned answers every call with the same.
type canned struct {
	status int
	body   string
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}, nil
}

// FuzzBatches: whatever the files and batches API sends with whatever status, it is a
// batch or file that can be named again, or a failure with words, classed and without
// the key; and in a list it spoils none of those beside it.
func FuzzBatches(f *testing.F) {
	for _, body := range []string{
		`{"id":"b","status":"completed","output_file_id":"o","request_counts":{"total":4,"completed":3,"failed":1},"metadata":{"gymline":"m"},"created_at":1772359200}`,
		`{"id":"b","status":"failed","errors":{"data":[{"code":"c","message":"no","line":3}]}}`, `{"job":{"id":"b","status":"VALIDATING","job_deadline":"2026-03-02T10:00:00Z"}}`,
		`{"id":"b","status":"JOB_STATE_RUNNING","request_counts":{"total":"4","completed":-1,"failed":1e99},"created_at":NaN}`, `{"id":"f","state":"PROCESSING"}`,
		`{"id":"f","status":"error","status_details":"` + canary + `"}`, `{"error":{"message":"no such batch","code":404}}`, `{"data":[{"id":"b"}],"has_more":true}`,
		`[{"error":{"code":400,"status":"FAILED_PRECONDITION"}}]`, `{"job":{"job":{"id":"b"}}}`, `<html>`, `null`, `"`, ``,
	} {
		f.Add(200, body)
		f.Add(400, body)
	}
	f.Add(438, "")                                   // a status without a name
	f.Add(200, `"`+strings.Repeat("\x1d", 1000)+`"`) // quoted, a byte is four
	said := &canned{}
	b, err := NewBatches(llm.Model{Name: "gpt", BaseURL: "http://localhost/v1", Model: "m"}, Access{Key: NewKey(canary)}, &http.Client{Transport: said})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		said.status, said.body = status, body
		fails := func(err error) {
			e, ok := errors.AsType[*llm.Error](err)
			if !ok || e.Err.Error() == "" || len(err.Error()) > 700 || strings.Contains(err.Error(), canary) || strings.ContainsAny(e.Err.Error(), "\r\n") {
				t.Errorf("status %d, %q: %#v, %v", status, body, e, err)
			}
		}
		switch got, err := b.Get(t.Context(), "b"); {
		case err != nil:
			fails(err)
		case status >= 300 || got.ID == "" || len(got.Status) > 70 || strings.Contains(fmt.Sprint(got.Status, got.Problems), canary) ||
			min(got.Total, got.Completed, got.Failed) < 0 || max(got.Total, got.Completed, got.Failed) > math.MaxInt32 || got.Created.Year() > 9999:
			t.Errorf("status %d, %q is read as %+v", status, body, got)
		}
		switch got, err := b.Upload(t.Context(), "f", []byte("{}")); {
		case err != nil:
			fails(err)
		case status >= 300 || got.ID == "" || strings.Contains(got.Reason, canary):
			t.Errorf("status %d, %q is read as %+v", status, body, got)
		}
		if _, _, err := b.List(t.Context(), ""); err != nil {
			fails(err)
		}
		if !json.Valid([]byte(body)) {
			return
		}
		said.status, said.body = 200, `{"data":[{"id":"before"},`+body+`,{"id":"after"}]}`
		page, _, err := b.List(t.Context(), "")
		if err != nil || len(page) < 2 || page[0].ID != "before" || page[len(page)-1].ID != "after" {
			t.Errorf("beside %q are read %+v, %v", body, page, err)
		}
	})
}
