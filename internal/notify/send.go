package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/reach"
)

// How long one message is tried: each try, the waits between them, and all.
const (
	tryWithin  = 10 * time.Second
	sendWithin = 45 * time.Second
)

var waits = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second}

// A Sender delivers notices. Sleep waits, or returns why it must not.
type Sender struct {
	Getenv func(string) string
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
}

// Check holds that the environment has what webhooks name.
func (s Sender) Check(hooks []Webhook) error {
	missing := slices.DeleteFunc(Variables(hooks), func(name string) bool { return s.Getenv(name) != "" })
	if len(missing) > 0 {
		return fault.New(fault.Config, fmt.Errorf("webhooks: not set: %s", strings.Join(missing, ", ")), "export these environment variables; the profile names them under notify")
	}
	for i, h := range hooks {
		if _, err := s.address(h); err != nil {
			return fault.New(fault.Config, fmt.Errorf("spec.notify[%d].url: %w", i, err), "set it to the webhook's address")
		}
		if _, err := s.key(h); err != nil {
			return fault.New(fault.Config, fmt.Errorf("spec.notify[%d].secret: %w", i, err), "set it to the webhook's secret as it was given to you")
		}
	}
	return nil
}

// address is a webhook's; no error shows it.
func (s Sender) address(h Webhook) (string, error) {
	text := s.Getenv(h.URLEnv)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("$%s is no http or https URL", h.URLEnv)
	}
	return text, nil
}

// key is what a webhook's messages are signed with; nil: they are not.
func (s Sender) key(h Webhook) ([]byte, error) {
	if h.SecretEnv == "" {
		return nil, nil
	}
	secret := s.Getenv(h.SecretEnv)
	if coded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		key, err := base64.StdEncoding.DecodeString(coded)
		if err != nil || len(key) == 0 {
			return nil, fmt.Errorf("$%s is not whsec_ and Base64", h.SecretEnv)
		}
		return key, nil
	}
	if secret == "" {
		return nil, fmt.Errorf("$%s is not set", h.SecretEnv)
	}
	return []byte(secret), nil
}

// Send tells every webhook that wants to know, side by side. The error says which could
// not be told.
func (s Sender) Send(ctx context.Context, hooks []Webhook, n *Notice) error {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport, Timeout: tryWithin,
		// What is meant for one address goes to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	failed := make([]error, len(hooks))
	var wg sync.WaitGroup
	for i, h := range hooks {
		if !slices.Contains(h.On, n.Kind) {
			continue
		}
		wg.Go(func() {
			if err := s.deliver(ctx, client, h, n); err != nil {
				failed[i] = fmt.Errorf("the webhook spec.notify[%d] (%s) was not told: %w", i, h.Format, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

func (s Sender) deliver(ctx context.Context, client *http.Client, h Webhook, n *Notice) error {
	address, err := s.address(h)
	if err != nil {
		return err
	}
	key, err := s.key(h)
	if err != nil {
		return err
	}
	contentType, body, err := n.message(h.Format)
	if err != nil {
		return err
	}
	left := sendWithin // for waits
	for try := 0; ; try++ {
		wait, err := s.try(ctx, client, address, key, n.id(), contentType, body)
		if err == nil {
			return nil
		}
		if _, final := errors.AsType[refused](err); final || try == len(waits) {
			return fmt.Errorf("%w, at try %d", err, try+1)
		}
		wait = max(wait, waits[try])
		if left -= wait; left < 0 || s.Sleep(ctx, wait) != nil {
			return fmt.Errorf("%w, at try %d, and there is no time for another", err, try+1)
		}
	}
}

// refused is an answer that another try will not change.
type refused struct{ status string }

func (r refused) Error() string { return "it answers " + r.status }

// try sends a message once, and returns how long the server asks to wait.
func (s Sender) try(ctx context.Context, client *http.Client, address string, key []byte, id, contentType string, body []byte) (wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("its address cannot be used") // the error would show it
	}
	stamp := strconv.FormatInt(s.Now().Unix(), 10)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "gymline")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", stamp)
	if key != nil {
		req.Header.Set("webhook-signature", sign(key, id, stamp, body))
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, reach.Failure(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection can be used again
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code < 300:
		return 0, nil
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return reach.RetryAfter(resp.Header), errors.New("it answers " + status)
	}
	return 0, refused{status}
}

// sign is the signature of Standard Webhooks.
func sign(key []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Sleep waits, but not longer than ctx lasts: then at once it says so.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
