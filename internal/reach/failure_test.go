package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"testing"
)

// Why there was no answer is said without a word of the address.
func TestFailure(t *testing.T) {
	for want, err := range map[string]error{
		"the name of its host cannot be looked up": &net.OpError{Op: "dial", Err: &net.DNSError{Name: "canary.example", Err: "no such host"}},
		"its certificate is not trusted":           &url.Error{URL: "https://canary", Err: &tls.CertificateVerificationError{Err: errors.New("canary")}},
		"it does not answer in time":               &url.Error{URL: "https://canary", Err: context.DeadlineExceeded},
		"context canceled":                         &url.Error{URL: "https://canary", Err: context.Canceled},
		"it cannot be reached":                     &url.Error{URL: "https://canary", Err: errors.New("dial tcp canary")},
	} {
		if got := Failure(err); got.Error() != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
