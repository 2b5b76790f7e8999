package s3

import "time"

// Stall sets how long a server may let this bucket's requests wait.
func (b *Bucket) Stall(d time.Duration) { b.transport.wait = d }
