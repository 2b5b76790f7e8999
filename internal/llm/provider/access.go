package provider

import (
	"fmt"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/openai"
)

// shown reads what a model's calls show to be let in. A model without a key, such
// as a local server's, sends none.
func (s *Set) shown(m llm.Model, access llm.Access) (openai.Access, error) {
	a := openai.Access{Query: access.Query}
	if env := access.KeyEnv; env != "" {
		secret := s.opt.Getenv(env)
		if secret == "" {
			return a, fault.New(fault.Config, fmt.Errorf("model %s: the environment variable %s is not set", m.Name, env),
				"set "+env+" to the API key of "+m.Endpoint()+", or remove apiKey if that server needs none")
		}
		a.Key = openai.NewKey(secret)
	}
	for name, h := range access.Headers {
		value := h.Value
		if h.Env != "" {
			if value = s.opt.Getenv(h.Env); value == "" {
				return a, fault.New(fault.Config, fmt.Errorf("model %s: the environment variable %s of the header %s is not set", m.Name, h.Env, name),
					"set "+h.Env+" to what "+m.Endpoint()+" wants in "+name+", or remove that header")
			}
		}
		a.Headers = append(a.Headers, openai.Header{Name: name, Value: openai.NewKey(value), Secret: h.Env != ""})
	}
	return a, nil
}
