package ledger

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
)

// canonicalRequest returns what canonical.JSON does, at a tenth of its cost:
// every call pays it, and histories are long. FuzzCanonicalRequest holds the two
// together.
func canonicalRequest(req *llm.Request) ([]byte, error) {
	size := 64
	for _, m := range req.Messages {
		size += len(m.Content) + len(m.Content)/16 + 48
	}
	out := make([]byte, 0, size)
	if req.Messages == nil {
		out = append(out, `{"messages":null`...)
	} else {
		out = append(out, `{"messages":[`...)
		for i, m := range req.Messages {
			if i > 0 {
				out = append(out, ',')
			}
			out = canonical.AppendString(append(out, `{"content":`...), m.Content)
			out = canonical.AppendString(append(out, `,"role":`...), m.Role)
			out = append(out, '}')
		}
		out = append(out, ']')
	}
	if req.Replicate != 0 {
		out = strconv.AppendInt(append(out, `,"replicate":`...), int64(req.Replicate), 10)
	}
	if req.Schema != nil {
		schema, err := canonicalSchema(req.Schema.Schema)
		if err != nil {
			return nil, err
		}
		out = canonical.AppendString(append(out, `,"schema":{"name":`...), req.Schema.Name)
		out = append(append(append(out, `,"schema":`...), schema...), '}')
	}
	if req.Seed != 0 {
		out = strconv.AppendUint(append(out, `,"seed":`...), req.Seed, 10)
	}
	return append(out, '}'), nil
}

// schemas remembers canonical schemas by their text: a run has a handful, and
// asks with them all the time.
var schemas struct {
	sync.RWMutex
	canon map[string][]byte
}

// maxSchemas bounds what is remembered; more are only slower.
const maxSchemas = 64

func canonicalSchema(schema []byte) ([]byte, error) {
	schemas.RLock()
	canon, ok := schemas.canon[string(schema)]
	schemas.RUnlock()
	if ok {
		return canon, nil
	}
	canon, err := canonical.JSON(json.RawMessage(schema))
	if err != nil {
		return nil, err
	}
	schemas.Lock()
	defer schemas.Unlock()
	if schemas.canon == nil || len(schemas.canon) >= maxSchemas {
		schemas.canon = map[string][]byte{}
	}
	schemas.canon[string(schema)] = canon
	return canon, nil
}
