package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/audit/stamp"
)

// stamps are the time stamps over a run's signatures.
type stamps struct {
	*verifier
	list []stamped
	sigs []signature
}

type stamped struct {
	key string
	of  string
	*stamp.Stamp
}

type signature struct {
	raw   []byte
	known bool // it is by one of the keys
}

func (s *stamps) read(key string, data []byte) {
	r, t, err := stamp.Read(data)
	if err != nil {
		s.problem(key, "a time stamp as RFC 3161 has it", err.Error(), "the time stamp was altered")
		return
	}
	s.list = append(s.list, stamped{key, r.Of, t})
}

func (s *stamps) over(e *sign.Envelope, known bool) {
	s.sigs = append(s.sigs, signature{e.Raw(), known})
}

// hold holds each time stamp against the signatures, and its signer against the roots, where
// they were given: then a signature by one of the keys wants a time stamp.
func (s *stamps) hold() {
	trusted := false
	for _, t := range s.list {
		at, known := s.of(t)
		if !at {
			s.problem(t.key, "a time stamp over a signature of the run", "one over nothing that is there", "the signature or the time stamp was altered or replaced, or the signature is gone")
			continue
		}
		when := t.Time.UTC().Format(time.RFC3339)
		if s.opt.Roots == nil {
			s.remark("%s says by %s that the signature was there at %s; no roots were given to hold it against", t.key, t.Signer(), when)
			continue
		}
		if err := t.Trusted(s.opt.Roots); err != nil {
			s.problem(t.key, "a time stamp by who the roots vouch for", err.Error(), "anybody may have made it")
			continue
		}
		if known {
			s.result.Stamped = append(s.result.Stamped, when+" by "+t.Signer())
			trusted = true
		}
	}
	if s.opt.Roots != nil && !trusted {
		s.problem("signatures/"+string(s.id)+"/", "a time stamp over a signature by one of the keys", "none that the roots vouch for", "nothing says when it was signed")
	}
}

// of reports whether a time stamp is over one of the signatures, and over one by a key.
func (s *stamps) of(t stamped) (there, known bool) {
	for _, sig := range s.sigs {
		sum := sha256.Sum256(sig.raw)
		if t.of == hex.EncodeToString(sum[:]) && t.Over(sig.raw) {
			there, known = true, known || sig.known
		}
	}
	return there, known
}
