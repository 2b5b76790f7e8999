package llm

import (
	"net/url"
	"strings"
)

// Asked says to the readers of answers what a model was asked as: of its identity all
// but the path to its endpoint and the occasion.
type Asked struct {
	Name        string   `json:"name"` // in the experiment
	Host        string   `json:"host"`
	Model       string   `json:"model"` // the endpoint's own name
	Temperature *float64 `json:"temperature,omitempty"`
	TopP        *float64 `json:"topP,omitempty"`
	MaxTokens   int      `json:"maxTokens,omitempty"`
	Schema      string   `json:"schema"`
	Dialect
	Unredacted bool `json:"unredacted,omitempty"`
}

// Asked is nil of a stand-in.
func (m *Model) Asked() *Asked {
	if m == nil || m.Simulated() {
		return nil
	}
	a := &Asked{
		Name: m.Name, Model: m.Model, Temperature: m.Temperature, TopP: m.TopP, MaxTokens: m.MaxTokens, Schema: m.Mode(), Dialect: m.Dialect, Unredacted: m.Unredacted,
	}
	if u, err := url.Parse(m.Endpoint()); err == nil {
		a.Host = u.Hostname() // ports are of one's own servers, and say nothing
	}
	return a
}

// String is how people read it.
func (a *Asked) String() string {
	m := Model{Temperature: a.Temperature, TopP: a.TopP, MaxTokens: a.MaxTokens, Schema: a.Schema, Dialect: a.Dialect, Unredacted: a.Unredacted}
	return strings.TrimSuffix(a.Model+" at "+a.Host+", "+m.Settings(), ", ")
}
