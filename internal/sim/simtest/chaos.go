package simtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// Chaos makes a share of a Server's answers fail in all ways that providers
// have. Which call fails, and how, depends on its body and on how often that was
// sent before, so a test is the same each time.
//
// An answer of the wrong schema is the model's own: it is sent back for repair.
// The repaired answer is what the first would have been.
type Chaos struct {
	Server *Server
	Share  float64       // of the calls, in [0,1]
	Hang   time.Duration // of a call that times out
	Slow   time.Duration // from the first byte to the last of a slow body

	mu    sync.Mutex
	sent  map[string]int // by body
	Kinds map[string]int // calls by what was done to them; "" is nothing
}

var kinds = []string{"429", "500", "529", "hang", "reset", "half", "schema", "twice", "slow"}

// wrong is an answer that fits no schema.
const wrong = `{"wrong": "schema"}`

// ServeHTTP answers one chat request, or spoils its answer.
func (c *Chaos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	plain, repairs := withoutRepairs(body)
	kind := c.kind(body, repairs)
	switch kind {
	case "429", "529":
		w.Header().Set("retry-after-ms", "5")
		fallthrough
	case "500":
		status, _ := strconv.Atoi(kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":{"message":"not now","code":"rate_limit_exceeded"}}`)
		return
	case "hang":
		select {
		case <-time.After(c.Hang):
		case <-r.Context().Done():
		}
		return
	case "reset":
		reset(w)
		return
	}
	answer := httptest.NewRecorder()
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(plain))
	c.Server.ServeHTTP(answer, again)
	out := answer.Body.Bytes()
	if answer.Code == http.StatusOK {
		switch kind {
		case "half":
			out = out[:len(out)/2]
		case "schema":
			out = withContent(out, func(string) string { return wrong })
		case "twice":
			out = withContent(out, func(s string) string { return s + s })
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	if kind == "slow" {
		_, _ = w.Write(out[:1])
		w.(http.Flusher).Flush()
		time.Sleep(c.Slow)
		out = out[1:]
	}
	_, _ = w.Write(out)
}

func (c *Chaos) kind(body []byte, repairs int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent == nil {
		c.sent, c.Kinds = map[string]int{}, map[string]int{}
	}
	sum := sha256.Sum256(fmt.Append(body, c.sent[string(body)]))
	c.sent[string(body)]++
	kind := ""
	if n := binary.LittleEndian.Uint32(sum[:]); float64(n) < c.Share*(1<<32) {
		kind = kinds[int(sum[4])%len(kinds)]
	}
	if kind == "schema" && repairs > 0 {
		kind = "" // a row that stays broken would fail, and so differ from the calm run's
	}
	c.Kinds[kind]++
	return kind
}

// withoutRepairs takes out of a request that its wrong answers were sent back.
func withoutRepairs(body []byte) (plain []byte, repairs int) {
	var doc map[string]json.RawMessage
	var msgs []llm.Message
	if json.Unmarshal(body, &doc) != nil || json.Unmarshal(doc["messages"], &msgs) != nil {
		return body, 0
	}
	var kept []llm.Message
	for i := 0; i < len(msgs); i++ {
		if msgs[i].Role == llm.Assistant && msgs[i].Content == wrong {
			i++ // with the message that sends it back
			repairs++
			continue
		}
		kept = append(kept, msgs[i])
	}
	doc["messages"], _ = json.Marshal(kept)
	plain, _ = json.Marshal(doc)
	return plain, repairs
}

// withContent changes what the model says in a chat completion.
func withContent(completion []byte, change func(string) string) []byte {
	var doc map[string]any
	if json.Unmarshal(completion, &doc) != nil {
		return completion
	}
	said := message(choiceOf(doc))
	said["content"] = change(said["content"].(string))
	out, _ := json.Marshal(doc)
	return out
}

// reset ends the connection without an answer.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return // no connection: within a batch
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// Spoiled tells how many calls were spoiled, of how many, by kind.
func (c *Chaos) Spoiled() (spoiled, all int, kindsSeen string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, " %s: %d", k, c.Kinds[k])
		spoiled += c.Kinds[k]
	}
	return spoiled, spoiled + c.Kinds[""], b.String()
}
