package openai

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// TestBatchInOtherTypes: a member of another type than OpenAI's is read as what it
// means, or not at all, and spoils no other.
func TestBatchInOtherTypes(t *testing.T) {
	created := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for body, want := range map[string]llm.Batch{
		`{"id":"b","status":"COMPLETED","created_at":"2026-03-01T10:00:00Z","expires_at":null,"output_file_id":"o","request_counts":{"total":"4","completed":3.0,"failed":1}}`: {
			ID: "b", Status: llm.BatchCompleted, Created: created, Output: "o", Total: 4, Completed: 3, Failed: 1},
		`{"id":"b","status":"JOB_STATE_RUNNING","created_at":1772359200.5,"expires_at":"1772445600","request_counts":null,"metadata":"none"}`: {
			ID: "b", Status: llm.BatchInProgress, Created: created, Deadline: created.Add(24 * time.Hour)},
		`{"id":"b","status":"Somewhere Else","created_at":true,"output_file_id":{"id":"o"},"error_file_id":7,"request_counts":[1],"metadata":{"gymline":"m","n":1}}`: {
			ID: "b", Status: "somewhere else", Mark: "m"},
		`{"job":{"id":"b","status":"VALIDATING","input_file_id":"i","created_at":"2026-03-01T10:00:00Z","job_deadline":"2026-03-02T10:00:00Z","output_file_id":""},"warning":null}`: {
			ID: "b", Status: llm.BatchValidating, Created: created, Deadline: created.Add(24 * time.Hour), Input: "i"},
		`{"id":"b","status":"running","job":{"id":"c"}}`: {ID: "b", Status: llm.BatchInProgress},
		`{"id":"b","status":null,"input_file_id":"i","created_at":1e300,"request_counts":{"total":-1,"completed":1e99,"failed":"some"}}`: {ID: "b", Input: "i"},
	} {
		m := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		got, err := dialBatches(t, m).Get(t.Context(), "b")
		got.Created, got.Deadline = got.Created.UTC(), got.Deadline.UTC()
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", body, got, err, want)
		}
	}
}

// TestBatchProblems: why a batch failed is read wherever it is said.
func TestBatchProblems(t *testing.T) {
	for errs, line := range map[string]int{
		`"errors":{"data":[{"code":"c","message":"no ` + canary + `","line":3}]}`: 3, `"errors":[{"message":"no ` + canary + `"}]`: 0,
		`"errors":"no ` + canary + `"`: 0, `"error":"no ` + canary + `"`: 0, `"errors":null,"error":{"message":"no ` + canary + `","line":"2"}`: 2,
	} {
		m := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"id":"b","status":"FAILED",%s}`, errs) })
		got, err := dialBatches(t, m).Get(t.Context(), "b")
		if err != nil || len(got.Problems) != 1 || got.Problems[0].Line != line || !strings.Contains(got.Problems[0].Err.Error(), "no ") || strings.Contains(got.Problems[0].Err.Error(), canary) {
			t.Errorf("%s: %+v, %v", errs, got.Problems, err)
		}
	}
}

// TestBatchStates: every word that ends a batch is known by its end.
func TestBatchStates(t *testing.T) {
	for said, want := range map[string]string{
		"completed": llm.BatchCompleted, "SUCCESS": llm.BatchCompleted, "ended": llm.BatchCompleted, "BATCH_STATE_SUCCEEDED": llm.BatchCompleted,
		"TIMEOUT_EXCEEDED": llm.BatchExpired, "TimedOut": llm.BatchExpired, "canceled": llm.BatchCancelled, "CANCELLATION_REQUESTED": llm.BatchCancelling,
		"InProgress": llm.BatchInProgress, "in-progress": llm.BatchInProgress, "QUEUED": llm.BatchValidating, "error": llm.BatchFailed, "Paused": "paused", "": "",
	} {
		if got := batchState(said); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
	}
}

// TestNoBatch: an answer that is none is a failure with its beginning, and an
// error in a 2xx answer is that error.
func TestNoBatch(t *testing.T) {
	for body, want := range map[string]string{
		"<html>soon</html>": "damaged_body: the answer is not a batch: \"<html>soon", `{}`: "damaged_body", `[]`: "damaged_body", "": "damaged_body", "null": "damaged_body",
		`{"job":{"id":""}}`: "damaged_body", `{"job":"b"}`: "damaged_body",
		`{"error":{"message":"no such batch","code":404}}`: "HTTP 404: no such batch", `{"error":"not now"}`: "not now",
	} {
		m := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if _, err := dialBatches(t, m).Get(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// TestFiles: how a file stands is read in any provider's words.
func TestFiles(t *testing.T) {
	for said, want := range map[string]llm.FileState{
		"processed": llm.FileReady, "PENDING": llm.FilePending, "notRunning": llm.FilePending, "Error": llm.FileBroken, "uploaded": llm.FileUnknown, "": llm.FileUnknown,
		"PROCESSING": llm.FilePending, "FILE_STATE_PROCESSING": llm.FilePending, "ACTIVE": llm.FileReady, "FAILED": llm.FileBroken,
	} {
		m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			member := "status"
			if said == strings.ToUpper(said) {
				member = "state"
			}
			fmt.Fprintf(w, `{"id":"f",%q:%q,"bytes":"many","status_details":"no %s"}`, member, said, canary)
		})
		b := dialBatches(t, m)
		for _, call := range []func() (llm.File, error){
			func() (llm.File, error) { return b.File(t.Context(), "f") }, func() (llm.File, error) { return b.Upload(t.Context(), "f.jsonl", []byte("{}")) },
		} {
			if got, err := call(); err != nil || got.ID != "f" || got.State != want || strings.Contains(got.Reason, canary) {
				t.Errorf("%q: %+v, %v", said, got, err)
			}
		}
	}
}
