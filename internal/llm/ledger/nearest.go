package ledger

import "context"

func (l *Ledger) explain(ctx context.Context, b *book, key Key, canon []byte) string { return "" }
