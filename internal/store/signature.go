package store

import (
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
)

func signaturePrefix(id RunID) (string, error) {
	return "signatures/" + string(id) + "/", checkName("run", string(id))
}

// AddSignature writes a run's next signature, once.
func (s *Store) AddSignature(ctx context.Context, id RunID, data []byte) error {
	prefix, err := signaturePrefix(id)
	if err != nil {
		return err
	}
	for {
		last, err := s.lasts(ctx, prefix)
		if err != nil {
			return err
		}
		key := prefix + strconv.Itoa(last[strings.TrimSuffix(prefix, "/")]+1) + ".json"
		if err := s.bucket.Create(ctx, key, data); !errors.Is(err, ErrExists) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// SignatureKeys are where a run's signatures lie, sorted.
func (s *Store) SignatureKeys(ctx context.Context, id RunID) (keys []string, err error) {
	prefix, err := signaturePrefix(id)
	if err != nil {
		return nil, err
	}
	for key, err := range s.bucket.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys, nil
}

// SignatureNumber is the number that a signature's key ends on; 0: none.
func SignatureNumber(key string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(path.Base(key), ".json"))
	if err != nil {
		return 0
	}
	return n
}
