package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// An object is what the name of one in the bucket tells.
type object struct {
	key        string
	digest     string // of a segment's header; of a journal's, once that was read
	headerSize int64  // stored size of a segment's first frame; 0 in format 1
	journal    string // the name of the journal that this is; "" for a segment
}

const suffix = ".jsonl.zst"

func segmentKey(prefix, digest string, headerSize int64) string {
	return fmt.Sprintf("%s%s-%d%s", prefix, digest, headerSize, suffix)
}

func journalKey(prefix, journal string) string { return prefix + "journal/" + journal + suffix }

// parseKey reads the name of an object below an identity's prefix. What is none
// of the ledger's is passed over.
func parseKey(prefix, key string) (o object, ok bool) {
	name, ok := strings.CutSuffix(strings.TrimPrefix(key, prefix), suffix)
	if !ok {
		return o, false
	}
	if journal, ok := strings.CutPrefix(name, "journal/"); ok {
		// Before the first release a journal was several objects in a folder of its
		// name: each is read as a journal that ends with the others.
		journal, _, _ = strings.Cut(journal, "/")
		return object{key: key, journal: journal}, isDigest(journal)
	}
	digest, size, _ := strings.Cut(name, "-")
	o = object{key: key, digest: digest}
	o.headerSize, _ = strconv.ParseInt(size, 10, 64)
	return o, isDigest(digest) && (name == digest || o.headerSize > 0 && o.headerSize <= maxHeader && key == segmentKey(prefix, digest, o.headerSize))
}

func isDigest(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 2*sha256.Size
}
