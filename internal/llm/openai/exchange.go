package openai

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
)

// What is read of a body, in bytes.
const (
	maxAnswer = 16 << 20
	maxError  = 64 << 10
)

// An exchange is the HTTP side of one call, below the client: it mends the
// body, adds the key, bounds what is read and turns failures into *llm.Error
// while the status and headers are still at hand.
type exchange struct {
	*chatter
	messages []llm.Message
	members  []byte // of this request's JSON object, beside those of all
	status   int    // 0 until an answer came
	header   http.Header
	body     []byte
}

// Do implements the client's HTTPDoer.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if body, err = x.mend(body); err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.ContentLength = int64(len(body))
	resp, err := x.send(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return x.keep(resp)
}

// keep receives an answer, of which the client sees nothing: its types are too
// strict for what servers send. complete reads it.
func (x *exchange) keep(resp *http.Response) (*http.Response, error) {
	if err := x.receive(resp); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(strings.NewReader("{}"))
	return resp, nil
}

// send adds what lets the call in, and makes it.
func (x *exchange) send(req *http.Request) (*http.Response, error) {
	x.access.apply(req)
	resp, err := x.http.Do(req)
	if err != nil {
		return nil, x.unreachable(err)
	}
	return resp, nil
}

// receive reads an answer whole. The error is the failure that it tells of.
func (x *exchange) receive(resp *http.Response) error {
	x.status, x.header = resp.StatusCode, resp.Header
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	limit := maxError
	if ok {
		limit = maxAnswer
	}
	// The body is read to its end, so that the connection can be used again.
	buf := bytes.NewBuffer(make([]byte, 0, min(max(resp.ContentLength, 0), maxError)+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(resp.Body, int64(limit)+1))
	x.body = buf.Bytes()
	if !ok {
		return x.failed(describe(x.body))
	}
	if err != nil {
		return x.unreachable(err)
	}
	if len(x.body) > limit {
		return &llm.Error{Model: x.model.Name, Status: x.status, Code: tooLarge, Class: llm.Refused,
			Err: fmt.Errorf("the answer is larger than %d bytes", limit)}
	}
	return nil
}

// mend writes the messages into a body that the client left without, and adds
// the members that the client has no place for. Writing them takes the client, which does it through
// reflection and twice, as long as all else of a call; and it leaves out empty
// contents, though servers require them.
func (x *exchange) mend(body []byte) ([]byte, error) {
	before, after, ok := bytes.Cut(body, []byte(`"messages":null`)) // quotes within strings are escaped
	if !ok {
		return nil, errors.New("the client's request has no place for messages")
	}
	size := len(body) + len(x.members) + len(x.chatter.members) + 16
	for _, m := range x.messages {
		size += len(m.Content) + len(m.Content)/16 + 48
	}
	out := append(append(make([]byte, 0, size), before...), `"messages":[`...)
	for i, m := range x.messages {
		if i > 0 {
			out = append(out, ',')
		}
		out = canonical.AppendString(append(out, `{"role":`...), m.Role)
		out = canonical.AppendString(append(out, `,"content":`...), m.Content)
		out = append(out, '}')
	}
	out = append(append(out, ']'), after...)
	for _, members := range [][]byte{x.members, x.chatter.members} {
		if len(members) > 0 {
			out = append(bytes.TrimSuffix(bytes.TrimSpace(out), []byte("}")), ',')
			out = append(append(out, members...), '}')
		}
	}
	return out, nil
}
