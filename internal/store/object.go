package store

import "context"

// ReadObject returns a small object as it is stored.
func ReadObject(ctx context.Context, b Bucket, key string) ([]byte, error) {
	return New(b).get(ctx, key)
}
