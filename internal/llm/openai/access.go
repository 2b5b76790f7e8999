package openai

import (
	"fmt"
	"net/http"

	"github.com/gymline/gymline/internal/fault"
)

// Access is what every call shows to be let in, besides its address.
type Access struct {
	Key     Key // sent as Authorization: Bearer
	Headers []Header
	Query   map[string]string
}

// A Header goes with every call. No value is printed, and a secret one is removed
// from what is.
type Header struct {
	Name   string
	Value  Key
	Secret bool
}

// check finds what no HTTP header may carry.
func (a Access) check(model string) error {
	for _, r := range a.Key.secret() {
		if r <= ' ' || r > '~' {
			return fault.New(fault.Config, fmt.Errorf("model %s: the API key holds a character that no HTTP header may carry", model),
				"set the environment variable of its apiKey to the key alone, without spaces, quotes or line breaks within")
		}
	}
	for _, h := range a.Headers {
		for _, r := range h.Value.secret() {
			if r < ' ' || r > '~' {
				return fault.New(fault.Config, fmt.Errorf("model %s: the value of the header %s holds a character that no HTTP header may carry", model, h.Name),
					"set it to the value alone, without line breaks within")
			}
		}
	}
	return nil
}

// apply adds all of it to a call.
func (a Access) apply(req *http.Request) {
	if s := a.Key.secret(); s != "" {
		req.Header.Set("Authorization", "Bearer "+s)
	}
	for _, h := range a.Headers {
		req.Header.Set(h.Name, h.Value.secret())
	}
	if len(a.Query) == 0 {
		return
	}
	query := req.URL.Query() // a list of batches has one
	for name, value := range a.Query {
		query.Set(name, value)
	}
	req.URL.RawQuery = query.Encode()
}

// key is the key, which also takes the secrets of headers out of what is shown.
func (a Access) key() Key {
	k := a.Key
	for _, h := range a.Headers {
		if h.Secret {
			k.others = append(k.others, h.Value)
		}
	}
	return k
}
