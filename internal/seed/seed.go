// Package seed derives independent random generators from one experiment seed,
// so that each session, fold or draw is reproducible on its own, whatever runs
// beside it. It is the only source of randomness in anything that is digested.
package seed

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

// New returns the generator that belongs to a path under root, such as
// New(7, "generate", "session", "12"). Different paths are independent; the
// path ("ab","c") differs from ("a","bc").
func New(root uint64, path ...string) *rand.Rand {
	h := sha256.New()
	h.Write([]byte(strconv.FormatUint(root, 10)))
	for _, p := range path {
		h.Write([]byte{0})
		h.Write([]byte(strconv.Itoa(len(p))))
		h.Write([]byte{0})
		h.Write([]byte(p))
	}
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])))
}
