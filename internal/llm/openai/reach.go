package openai

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gymline/gymline/internal/llm"
)

// What a person can do about a server that cannot be spoken to.
const (
	mendHost   = "check the host in baseURL, and the proxy's in HTTPS_PROXY or HTTP_PROXY where there is one"
	mendCA     = "set SSL_CERT_FILE to a file with the certificate of the authority that signed the server's (SSL_CERT_DIR to a folder of such)"
	mendCert   = "check the host in baseURL, this machine's clock, and the server's certificate"
	speakHTTP  = "set baseURL to http:// instead of https://, or have the server speak TLS"
	speakHTTPS = "set baseURL to https:// instead of http://, or check its port"
)

// unreachable is the error for a call that got no whole answer.
func (x *exchange) unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // leaves the URL out
	}
	e := &llm.Error{Model: x.model.Name, Status: x.status, Code: noAnswer, Class: llm.Retryable,
		Err: fmt.Errorf("call %s: %s", x.host(), x.shown(err.Error()))}
	if x.status != 0 {
		e.Code = damagedBody
	}
	var timeout interface{ Timeout() bool }
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		e.Code = noAnswer // whatever kept it: nothing was asked
	} else if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		e.Code = "timeout"
		if x.status == 0 && errors.Is(err, context.DeadlineExceeded) && x.http.Timeout > 0 { // the client's own
			e.Unanswered, e.Remedy = true, "check that the server answers; limits."+x.model.Name+".timeout in the profile is how long a call may take"
			e.Err = fmt.Errorf("call %s: no answer within %s", x.host(), x.http.Timeout)
		}
	}
	if p, ok := errors.AsType[*proxyRefusal](err); ok {
		e.Status = p.status
		e.Class, e.Remedy = classify(p.status)
		if e.Class == llm.Denied {
			e.Remedy = mendProxy
		}
	} else if x.status == 0 {
		x.untalkative(e, err)
	}
	return e
}

// untalkative says what a person can do where no answer came. What depends on the
// set-up alone is denied at once; what may pass is suspected.
func (x *exchange) untalkative(e *llm.Error, err error) {
	var alert tls.AlertError
	cert, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case isCert:
		e.Class, e.Remedy = llm.Denied, mendCert
		if _, ok := errors.AsType[x509.UnknownAuthorityError](cert.Err); ok {
			e.Remedy = mendCA
		}
	case errors.Is(err, http.ErrSchemeMismatch):
		e.Class, e.Remedy = llm.Denied, speakHTTP
	case errors.As(err, &alert):
		e.Setup, e.Remedy = true, mendCert
	case strings.Contains(err.Error(), "malformed HTTP"):
		e.Setup, e.Remedy = true, speakHTTPS
	default:
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
			e.Setup, e.Remedy = true, mendHost
		} else if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
			e.Remedy = mendHost
		}
	}
}

func (x *exchange) host() string {
	if u, err := url.Parse(x.config.BaseURL); err == nil {
		return u.Host
	}
	return ""
}

// A proxyRefusal is what a proxy says in place of a connection.
type proxyRefusal struct{ status int }

func (e *proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy refuses the connection: HTTP %d %s", e.status, http.StatusText(e.status))
}

// connected is a Transport's OnProxyConnectResponse.
func connected(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyRefusal{resp.StatusCode}
}
