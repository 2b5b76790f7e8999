package openai

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/text"
)

// Fields are the members of a JSON object of the files or batches API. They are
// read one by one, so that one of another type than OpenAI's is taken for not
// said and spoils no other. Which types providers give them: docs/llm.md, Batches.
type fields map[string]json.RawMessage

// object reads a member, or a whole body, that is an object; else it is nil.
func object(data []byte) fields {
	var f fields
	_ = json.Unmarshal(data, &f) // partly read is not read: the map of a type error is empty
	return f
}

func (f fields) text(name string) string {
	return strings.TrimSpace(str(f[name]))
}

// number reads a number, or a text that is one; NaN is none.
func (f fields) number(name string) float64 {
	raw := string(f[name])
	if s := f.text(name); s != "" {
		raw = s
	}
	if x, err := strconv.ParseFloat(raw, 64); err == nil {
		return x
	}
	return math.NaN()
}

// count reads a number of requests; what cannot be one is 0.
func (f fields) count(name string) int {
	if x := f.number(name); x > 0 && x <= math.MaxInt32 {
		return int(x)
	}
	return 0
}

// latest is the last second that is taken for a time: beyond it is no time of a batch.
const latest = 1 << 34

// when reads a time: seconds since 1970, or RFC 3339.
func (f fields) when(name string) time.Time {
	if x := f.number(name); x > 0 && x < latest {
		return time.Unix(int64(x), 0)
	}
	t, err := time.Parse(time.RFC3339, f.text(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

// list reads an array, or an object's data that is one.
func (f fields) list(name string) (out []json.RawMessage) {
	if json.Unmarshal(f[name], &out) != nil {
		_ = json.Unmarshal(object(f[name])["data"], &out)
	}
	return out
}

// within is the object that a member holds, where the whole has no ID and it has:
// some wrap what they answer in another object.
func (f fields) within(name string) fields {
	if inner := object(f[name]); f.text("id") == "" && inner.text("id") != "" {
		return inner
	}
	return f
}

// batch reads a batch, bare or as Together wraps it; without an ID it is none.
func (c *chatter) batch(data []byte) llm.Batch {
	f := object(data).within("job")
	counts := object(f["request_counts"])
	out := llm.Batch{
		ID: f.text("id"), Mark: object(f["metadata"]).text(markField), Input: f.text("input_file_id"), Status: batchState(c.key.scrub(f.text("status"))),
		Created: f.when("created_at"), Deadline: cmp.Or(f.when("expires_at"), f.when("job_deadline")),
		Output: f.text("output_file_id"), Errors: f.text("error_file_id"),
		Total: counts.count("total"), Completed: counts.count("completed"), Failed: counts.count("failed"),
	}
	for _, name := range []string{"errors", "error"} {
		for _, one := range f.list(name) {
			out.Problems = append(out.Problems, c.problem(object(one)))
		}
		if said := f.text(name); said != "" { // in words
			out.Problems = append(out.Problems, llm.Problem{Err: c.refusal("", said)})
		}
		if one := object(f[name]); one.text("message") != "" {
			out.Problems = append(out.Problems, c.problem(one))
		}
	}
	return out
}

func (c *chatter) problem(f fields) llm.Problem {
	return llm.Problem{Line: f.count("line"), Err: c.refusal(f.text("code"), f.text("message"))}
}

// refusal is the error that a direct call would have ended with, had it been
// told what a batch tells in its own words.
func (c *chatter) refusal(code, message string) *llm.Error {
	body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}})
	x := &exchange{chatter: c, status: http.StatusBadRequest}
	return x.failed(describe(body))
}

// batchStates are the words that providers have for a batch's state, as squeeze
// leaves them.
var batchStates = map[string][]string{
	llm.BatchValidating: {"validating", "created", "submitted", "queued", "pending", "scheduled", "preparing", "notstarted"},
	llm.BatchInProgress: {"inprogress", "running", "processing", "started"},
	llm.BatchFinalizing: {"finalizing", "finalising"},
	llm.BatchCancelling: {"cancelling", "canceling", "cancelrequested", "cancellationrequested"},
	llm.BatchFailed:     {"failed", "failure", "error", "errored", "rejected"},
	llm.BatchCompleted:  {"completed", "complete", "succeeded", "success", "ended", "done", "finished", "partiallysucceeded", "partiallycompleted"},
	llm.BatchExpired:    {"expired", "timeout", "timedout", "timeoutexceeded"},
	llm.BatchCancelled:  {"cancelled", "canceled", "stopped", "aborted"},
}

// squeeze takes out of a state what providers write differently: COMPLETED,
// In Progress, JOB_STATE_SUCCEEDED, TimedOut.
func squeeze(said string) string {
	s := strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(said))
	for _, of := range []string{"job", "batch", "file", "state"} {
		s = strings.TrimPrefix(s, of)
	}
	return s
}

// batchState reads a state. One that is unknown stays, in lower case.
func batchState(said string) string {
	word := squeeze(said)
	for state, words := range batchStates {
		if slices.Contains(words, word) {
			return state
		}
	}
	return strings.ToLower(text.ClipBytes(said, 60))
}

// The words for the state of an uploaded file that mean that no batch can be made
// of it yet, or ever. Any other is no reason to wait.
var (
	filePending = []string{"pending", "notrunning", "running", "inprogress", "processing", "queued", "uploading", "importing", "validating"}
	fileReady   = []string{"processed", "succeeded", "completed", "ready", "active"}
	fileBroken  = []string{"error", "failed", "cancelled", "canceled", "deleted", "deleting", "expired"}
)

// file reads a file; without an ID it is none.
func (c *chatter) file(data []byte) llm.File {
	f := object(data)
	said := cmp.Or(f.text("status"), f.text("state")) // Gemini
	state := squeeze(said)
	out := llm.File{ID: f.text("id"), Reason: c.key.scrub(said)}
	switch {
	case slices.Contains(filePending, state):
		out.State = llm.FilePending
	case slices.Contains(fileReady, state):
		out.State = llm.FileReady
	case slices.Contains(fileBroken, state):
		out.State = llm.FileBroken
	}
	if details := f.text("status_details"); details != "" {
		out.Reason += ": " + c.key.scrub(details)
	}
	return out
}
