package closure

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// A Set is keys of objects, 16 bytes each. It is safe for concurrent use; the zero one
// is empty.
type Set struct {
	mu   sync.Mutex
	keys map[[16]byte]struct{}
}

func short(key string) (s [16]byte) {
	sum := sha256.Sum256([]byte(key))
	copy(s[:], sum[:])
	return s
}

// Short is a key as a set keeps it, in hex.
func Short(key string) string {
	s := short(key)
	return hex.EncodeToString(s[:])
}

// AddShort adds what Short returned; what is none adds nothing.
func (s *Set) AddShort(text string) {
	if b, err := hex.DecodeString(text); err == nil && len(b) == len([16]byte{}) {
		s.add([16]byte(b))
	}
}

// Add reports whether a key is new to the set.
func (s *Set) Add(key string) bool { return s.add(short(key)) }

func (s *Set) add(k [16]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[[16]byte]struct{}{}
	}
	_, had := s.keys[k]
	s.keys[k] = struct{}{}
	return !had
}

// Has reports whether a key is in the set.
func (s *Set) Has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.keys[short(key)]
	return ok
}

// Len is how many keys it has.
func (s *Set) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}
