package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gymline/gymline/internal/store"
)

// Verify reads a segment or journal whole, and returns what is wrong with it: against the
// digest that names a segment, and those that its header has of the rest.
func Verify(ctx context.Context, bucket store.Bucket, key string) error {
	parts := strings.SplitAfterN(key, "/", 3) // ledger/ IDENTITY/ …
	if len(parts) < 3 {
		return fmt.Errorf("%s is none of the ledger's objects", key)
	}
	o, ok := parseKey(parts[0]+parts[1], key)
	if !ok {
		return nil // a batch's, or nobody's: nothing tells what it should be
	}
	body, err := bucket.Get(ctx, key)
	if err != nil {
		return err
	}
	defer body.Close()
	r := newReader(key, body)
	defer r.close()
	h, err := r.header(&o)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		what string
		want string
	}{{"answers", h.Answers.SHA256}, {"requests", h.Requests.SHA256}} {
		hash := sha256.New()
		for range h.Keys {
			line, err := r.line()
			if err != nil {
				return err
			}
			hash.Write(line)
			hash.Write([]byte("\n"))
		}
		if hex.EncodeToString(hash.Sum(nil)) != part.want {
			return damaged(key, "its "+part.what+" do not match its header", nil)
		}
	}
	if _, err := r.zr.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || r.buf.Scan() {
		return damaged(key, "something follows its end", nil)
	}
	return nil
}
