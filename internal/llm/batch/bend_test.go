package batch

import (
	"encoding/json"
	"strings"

	"github.com/gymline/gymline/internal/sim/simtest"
)

// The calls by which a provider shows batches.
const (
	getBatch   = "GET /v1/batches/{id}"
	listBatch  = "GET /v1/batches"
	makeBatch  = "POST /v1/batches"
	getContent = "GET /v1/files/{id}/content"
	getFile    = "GET /v1/files/{id}"
	sendFile   = "POST /v1/files"
)

// fails has a call fail the first times, and not be carried out.
func (l *lab) fails(call string, times, with int) {
	l.api.Down = func(c string, n int) int {
		if c == call && n < times {
			return with
		}
		return 0
	}
}

// refusesFiles has the provider find problems in the first files.
func (l *lab) refusesFiles(times int, found ...simtest.Problem) {
	l.api.Refuse = func(batch int) []simtest.Problem {
		if batch < times {
			return found
		}
		return nil
	}
}

// A bend changes the n-th answer to a call, from 0.
type bend func(n, status int, body []byte) (int, []byte)

// bends has the answers to some calls changed.
func (l *lab) bends(by map[string]bend) {
	l.api.Bend = func(call string, n, status int, body []byte) (int, []byte) {
		if fn := by[call]; fn != nil {
			return fn(n, status, body)
		}
		return status, body
	}
}

// always is more looks than there are.
const always = 1 << 30

// refuses answers so the first times.
func refuses(times, with int) bend {
	return func(n, status int, body []byte) (int, []byte) {
		if n < times {
			return with, []byte(`{"error":{"message":"nothing of the kind here","code":"not_there"}}`)
		}
		return status, body
	}
}

// says changes members of an object, the first times.
func says(times int, members map[string]any) bend {
	return func(n, status int, body []byte) (int, []byte) {
		var all map[string]any
		if n >= times || json.Unmarshal(body, &all) != nil {
			return status, body
		}
		for k, v := range members {
			all[k] = v
		}
		out, _ := json.Marshal(all)
		return status, out
	}
}

// ended changes members of batches that have ended, the first times.
func ended(times int, members map[string]any) bend {
	seen := 0
	return func(_, status int, body []byte) (int, []byte) {
		if !strings.Contains(string(body), `"status":"completed"`) || seen >= times {
			return status, body
		}
		seen++
		return says(1, members)(0, status, body)
	}
}

func instead(times int, with string) bend {
	return func(n, status int, body []byte) (int, []byte) {
		if n < times {
			return 200, []byte(with)
		}
		return status, body
	}
}

// cut shows the first lines of a file, the first times.
func cut(times, lines int) bend {
	return func(n, status int, body []byte) (int, []byte) {
		if n < times {
			body = []byte(strings.Join(strings.SplitAfter(string(body), "\n")[:lines], ""))
		}
		return status, body
	}
}

var noFiles = map[string]any{"output_file_id": nil, "error_file_id": nil}

func markless(_, status int, body []byte) (int, []byte) {
	return status, []byte(strings.ReplaceAll(string(body), `"gymline":`, `"other":`))
}
