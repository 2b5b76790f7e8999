package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gymline/gymline/internal/reach"
)

// waits are those between tries at one message, unless the collector asks for longer.
var waits = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

// lastTries are how often a message is tried that is sent as the run ends.
const lastTries = 2

// mostAnswer bounds what is read of an answer, in bytes.
const mostAnswer = 1 << 16

var errLate = errors.New("it does not answer in time")

// A refusal is an answer that another try will not change.
type refusal struct{ error }

// deliver sends a message until it is taken, and returns what is said of it. It gives
// up after so many tries, and once the exporter is closing sooner.
func (x *Exporter) deliver(t *target, message any) (said answer, err error) {
	body, err := encode(t, message)
	if err != nil {
		return said, err
	}
	for try := 0; ; try++ {
		wait, said, err := x.try(t, body)
		if err == nil {
			return said, nil
		}
		if _, final := errors.AsType[refusal](err); final || try == len(waits) || x.isClosing() && try+1 >= lastTries {
			return said, fmt.Errorf("%w, at try %d", err, try+1)
		}
		if !x.pause(max(wait, waits[try])) {
			return said, fmt.Errorf("%w, at try %d, and there is no time for another", err, try+1)
		}
	}
}

func encode(t *target, message any) ([]byte, error) {
	data, err := json.Marshal(message)
	if err != nil || !t.gzip {
		return data, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(data)
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// try sends a message once, and returns how long the collector asks to wait.
func (x *Exporter) try(t *target, body []byte) (wait time.Duration, said answer, err error) {
	ctx, cancel := context.WithTimeout(x.ctx, t.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return 0, said, refusal{errors.New("its address cannot be used")} // err would show it
	}
	req.Header = t.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "gymline")
	if t.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := x.client.Do(req)
	switch {
	case x.ctx.Err() != nil: // the end of the run does not wait for longer
		return 0, said, refusal{errLate}
	case err != nil:
		return 0, said, reach.Failure(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	status := fmt.Errorf("it answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return reach.RetryAfter(resp.Header), said, status
	}
	if resp.StatusCode/100 != 2 {
		return 0, said, refusal{status}
	}
	_ = json.Unmarshal(data, &said) // an answer without a word took all
	return 0, said, nil
}

// pause waits, and reports whether there is time for another try.
func (x *Exporter) pause(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	closing := x.closing
	if x.isClosing() {
		if wait > flushWithin {
			return false
		}
		closing = nil
	}
	select {
	case <-timer.C:
		return true
	case <-closing: // the last try, without delay unless a collector asked for it
		return wait <= flushWithin
	case <-x.ctx.Done():
		return false
	}
}
