// Package reach is what clients of other servers have in common: how long a server asks
// to wait, and why none answered.
package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// Failure says why there was no answer, without the address: it may hold a token, in the
// host's name too.
func Failure(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	timeout, slow := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	_, unknown := errors.AsType[*net.DNSError](err)
	_, uncertain := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case unknown:
		return errors.New("the name of its host cannot be looked up")
	case uncertain:
		return errors.New("its certificate is not trusted")
	case slow && timeout.Timeout():
		return errors.New("it does not answer in time")
	}
	return errors.New("it cannot be reached")
}
