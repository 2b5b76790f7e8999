package llm

import "strings"

// A Listing is what a server says of the models that it serves: by its /models and,
// where it is llama.cpp's, /props. No server is obliged to tell the truth.
type Listing struct {
	Models []Listed
	File   string // that llama.cpp has loaded, "" where no server says so
}

// A Listed is a model that a server names. What it does not say is zero.
type Listed struct {
	ID      string
	Aliases []string // other names of it
	Root    string   // what it was loaded from
	Parent  string   // of an adapter: the model that it is put on
	Bytes   int64    // of its tensors
}

// Served is how what a server says of a trained model agrees with the checkpoint.
type Served struct {
	Model   string   `json:"model"`             // the name that it is asked under
	Agrees  []string `json:"agrees,omitempty"`  // what it says that the checkpoint says, too
	Differs []string `json:"differs,omitempty"` // what cannot both be true
	Unknown []string `json:"unknown"`           // what it does not say
}

// String is how people read it.
func (s *Served) String() string {
	var parts []string
	for _, p := range []struct {
		what string
		list []string
	}{{"differs: ", s.Differs}, {"agrees: ", s.Agrees}, {"not known: ", s.Unknown}} {
		if p.list != nil {
			parts = append(parts, p.what+strings.Join(p.list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
