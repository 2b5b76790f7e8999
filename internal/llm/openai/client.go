package openai

import (
	"net"
	"net/http"
	"time"
)

// Timeout bounds one call of a NewHTTPClient, from dialling to the answer's last byte.
const Timeout = 10 * time.Minute

// NewHTTPClient returns a client for thousands of calls in flight to few hosts.
// Share one among all models, and close its idle connections at the end.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout: Timeout,
		Transport: patient{silence: Silence, Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    10 * time.Second,
			ExpectContinueTimeout:  time.Second,
			OnProxyConnectResponse: connected,
			ForceAttemptHTTP2:      true,
			// net/http keeps 2 idle connections a host by default, and would
			// dial anew for almost every call.
			MaxIdleConnsPerHost: 4096,
			IdleConnTimeout:     90 * time.Second,
		}},
	}
}
