package openai

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/text"
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
	return x.receive(resp)
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

// receive reads an answer whole, and gives it on unless it is a failure.
func (x *exchange) receive(resp *http.Response) (_ *http.Response, err error) {
	x.status, x.header = resp.StatusCode, resp.Header
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	limit := maxError
	if ok {
		limit = maxAnswer
	}
	// The body is read to its end, so that the connection can be used again.
	buf := bytes.NewBuffer(make([]byte, 0, min(max(resp.ContentLength, 0), maxError)+bytes.MinRead))
	_, err = buf.ReadFrom(io.LimitReader(resp.Body, int64(limit)+1))
	x.body = buf.Bytes()
	if !ok {
		return nil, x.failed()
	}
	if err != nil {
		return nil, x.unreachable(err)
	}
	if len(x.body) > limit {
		return nil, &llm.Error{Model: x.model.Name, Status: x.status, Code: "too_large", Class: llm.Refused,
			Err: fmt.Errorf("the answer is larger than %d bytes", limit)}
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.body))
	return resp, nil
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

// unreachable is the error for a call that got no whole answer.
func (x *exchange) unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // leaves the URL out
	}
	code := "no_answer"
	if x.status != 0 {
		code = "damaged_body"
	}
	var timeout interface{ Timeout() bool }
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		code = "no_answer" // whatever kept it: nothing was asked
	} else if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		code = "timeout"
	}
	return &llm.Error{Model: x.model.Name, Status: x.status, Code: code, Class: llm.Retryable,
		Err: fmt.Errorf("call %s: %s", x.host(), x.key.scrub(err.Error()))}
}

func (x *exchange) host() string {
	if u, err := url.Parse(x.config.BaseURL); err == nil {
		return u.Host
	}
	return ""
}

// failed is the error that an answer describes.
func (x *exchange) failed() *llm.Error {
	e := &llm.Error{Model: x.model.Name, Status: x.status, RetryAfter: retryAfter(x.header), Rate: rates(x.header)}
	d := describe(x.body)
	if x.status < 300 && d.status != 0 {
		e.Status = d.status // an error in a 2xx answer
	}
	e.Code = x.key.scrub(d.code)
	e.Class, e.Remedy = classify(e.Status, d.code, d.kind)
	message := strings.TrimSpace(x.key.scrub(d.message))
	switch {
	case x.status >= 300 && x.status < 400:
		message = "the server redirects elsewhere; set baseURL to the address that answers"
	case message == "" && x.status < 300:
		message = "the answer holds no choice"
	case message == "":
		message = http.StatusText(e.Status)
	}
	e.Err = errors.New(text.ClipBytes(message, 500))
	return e
}
