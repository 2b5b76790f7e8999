package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/llm"
)

// firstDifference names where two canonical requests differ first, in the order
// that FORMAT.md has.
func firstDifference(recorded, asked []byte) (string, error) {
	var r, a llm.Request
	if err := json.Unmarshal(recorded, &r); err != nil {
		return "", err
	}
	if err := json.Unmarshal(asked, &a); err != nil {
		return "", err
	}
	for i := range min(len(r.Messages), len(a.Messages)) {
		rm, am := r.Messages[i], a.Messages[i]
		if rm.Role != am.Role {
			return fmt.Sprintf("messages[%d].role: recorded %q, asked %q", i, rm.Role, am.Role), nil
		}
		if rm.Content != am.Content {
			return textDifference(fmt.Sprintf("messages[%d].content", i), rm.Content, am.Content), nil
		}
	}
	if len(r.Messages) != len(a.Messages) {
		return fmt.Sprintf("messages: recorded %d, asked %d", len(r.Messages), len(a.Messages)), nil
	}
	if r.Replicate != a.Replicate {
		return fmt.Sprintf("replicate: recorded %d, asked %d", r.Replicate, a.Replicate), nil
	}
	switch rs, as := r.Schema, a.Schema; {
	case rs == nil && as == nil:
	case rs == nil:
		return fmt.Sprintf("schema: recorded none, asked %q", as.Name), nil
	case as == nil:
		return fmt.Sprintf("schema: recorded %q, asked none", rs.Name), nil
	case rs.Name != as.Name:
		return fmt.Sprintf("schema.name: recorded %q, asked %q", rs.Name, as.Name), nil
	case string(rs.Schema) != string(as.Schema):
		return textDifference("schema.schema", string(rs.Schema), string(as.Schema)), nil
	}
	if r.Seed != a.Seed {
		return fmt.Sprintf("seed: recorded %d, asked %d", r.Seed, a.Seed), nil
	}
	return "", errors.New("there is no difference")
}

// textDifference names the byte at which two texts differ first, and shows both
// around it.
func textDifference(field, recorded, asked string) string {
	n := commonPrefix([]byte(recorded), []byte(asked))
	for n > 0 && (!boundary(recorded, n) || !boundary(asked, n)) {
		n--
	}
	return fmt.Sprintf("%s at byte %d: recorded %s, asked %s", field, n, excerpt(recorded, n), excerpt(asked, n))
}

// boundary reports whether a character begins at s[n:], or s ends.
func boundary(s string, n int) bool { return n >= len(s) || utf8.RuneStart(s[n]) }

// excerptBytes is how much is shown of a text before and after a difference.
const excerptBytes = 32

// excerpt quotes the text around byte n, cut between characters.
func excerpt(s string, n int) string {
	from, to := max(0, n-excerptBytes), min(len(s), n+excerptBytes)
	for from > 0 && !utf8.RuneStart(s[from]) {
		from++
	}
	for to < len(s) && !utf8.RuneStart(s[to]) {
		to--
	}
	text := s[from:to]
	if from > 0 {
		text = "…" + text
	}
	if to < len(s) {
		text += "…"
	}
	return strconv.Quote(text)
}
