package ledger

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
)

// TestKeyCovers: everything an answer depends on is in the key, and nothing else.
func TestKeyCovers(t *testing.T) {
	key := func(m llm.Model, req *llm.Request) llm.Key {
		d, err := IdentityOf(m).digest()
		if err != nil {
			t.Fatal(err)
		}
		_, k, err := keyOf(d, req)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	half := 0.5
	base := key(model, ask("x"))
	same := map[string]llm.Key{}
	m := model
	m.Name, m.BaseURL, m.Schema = "other", model.BaseURL+"/", "json_schema"
	same["name, slash, default mode"] = key(m, ask("x"))
	m = model
	m.Unredacted = true
	same["redaction, which changes the text itself"] = key(m, ask("x"))
	for name, k := range same {
		if k != base {
			t.Errorf("%s changes the key", name)
		}
	}
	seen := map[llm.Key]string{base: "base"}
	for name, edit := range map[string]func(*llm.Model, *llm.Request){
		"provider":    func(m *llm.Model, _ *llm.Request) { m.Provider = "other" },
		"base URL":    func(m *llm.Model, _ *llm.Request) { m.BaseURL = "http://127.0.0.1:2/v1" },
		"model":       func(m *llm.Model, _ *llm.Request) { m.Model = "m2" },
		"temperature": func(m *llm.Model, _ *llm.Request) { m.Temperature = new(float64) },
		"temp. 0.5":   func(m *llm.Model, _ *llm.Request) { m.Temperature = &half },
		"top p":       func(m *llm.Model, _ *llm.Request) { m.TopP = &half },
		"max tokens":  func(m *llm.Model, _ *llm.Request) { m.MaxTokens = 1 },
		"mode":        func(m *llm.Model, _ *llm.Request) { m.Schema = "text" },
		"no seed":     func(m *llm.Model, _ *llm.Request) { m.NoSeed = true },
		"no system":   func(m *llm.Model, _ *llm.Request) { m.NoSystem = true },
		"no strict":   func(m *llm.Model, _ *llm.Request) { m.NoStrict = true },
		"limit name":  func(m *llm.Model, _ *llm.Request) { m.TokenLimit = llm.MaxCompletionTokens },
		"body":        func(m *llm.Model, _ *llm.Request) { m.Body = []byte(`{"a":1}`) },
		"other body":  func(m *llm.Model, _ *llm.Request) { m.Body = []byte(`{"a":2}`) },
		"role":        func(_ *llm.Model, r *llm.Request) { r.Messages[0].Role = llm.System },
		"content":     func(_ *llm.Model, r *llm.Request) { r.Messages[0].Content = "y" },
		"more":        func(_ *llm.Model, r *llm.Request) { r.Messages = append(r.Messages, r.Messages[0]) },
		"schema":      func(_ *llm.Model, r *llm.Request) { r.Schema = &llm.Schema{Name: "s", Schema: []byte("{}")} },
		"schema name": func(_ *llm.Model, r *llm.Request) { r.Schema = &llm.Schema{Name: "t", Schema: []byte("{}")} },
		"replicate":   func(_ *llm.Model, r *llm.Request) { r.Replicate = 1 },
		"seed":        func(_ *llm.Model, r *llm.Request) { r.Seed = 1 },
	} {
		m, r := model, ask("x")
		edit(&m, r)
		k := key(m, r)
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
	a := key(model, &llm.Request{Schema: &llm.Schema{Name: "s", Schema: []byte("{ \"b\": 1,\n \"a\": 1.0 }")}})
	if b := key(model, &llm.Request{Schema: &llm.Schema{Name: "s", Schema: []byte(`{"a":1,"b":1}`)}}); a != b {
		t.Error("a schema's spelling changes the key")
	}
}

// TestKeyStability pins the keys of format 1.
func TestKeyStability(t *testing.T) {
	temp := 0.7
	m := llm.Model{Name: "gpt", Provider: llm.OpenAI, Model: "gpt-4o-mini", Temperature: &temp, MaxTokens: 512}
	d, err := IdentityOf(m).digest()
	if err != nil {
		t.Fatal(err)
	}
	canon, key, err := keyOf(d, &llm.Request{
		Messages: []llm.Message{{Role: llm.System, Content: "Be kind."}, {Role: llm.User, Content: "é"}},
		Schema:   &llm.Schema{Name: "s", Schema: []byte(`{"type":"object"}`)}, Replicate: 2, Seed: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	const (
		wantIdentity = "066c31c33360a73b5ba81eff6151236feda921f56091d6e855e473b13e48c731"
		wantCanon    = `{"messages":[{"content":"Be kind.","role":"system"},{"content":"é","role":"user"}],"replicate":2,"schema":{"name":"s","schema":{"type":"object"}},"seed":7}`
		wantKey      = "627e8197e7169ea7dc1719f23470474a82a5b30fdf457eca069cade8660d23a8"
	)
	if llm.Key(d).String() != wantIdentity || string(canon) != wantCanon || key.String() != wantKey {
		t.Errorf("identity %s\nrequest %s\nkey %s", llm.Key(d), canon, key)
	}
}

// FuzzCanonicalRequest holds canonicalRequest to RFC 8785 as the library has it.
func FuzzCanonicalRequest(f *testing.F) {
	f.Add("system", "Be kind.\u2028<&>\x00\x1f\x7f\b\f\n\r\t\"\\/", "é\xff\xfe\U0001F600\xed\xa0\x80", "s", `{"b":1.50,"a":[1e3,"\u00e9"]}`, 2, uint64(1<<53-1))
	f.Add("", "", "", "", "", 0, uint64(0))
	f.Fuzz(func(t *testing.T, role, one, two, name, schema string, replicate int, seed uint64) {
		req := &llm.Request{Messages: []llm.Message{{Role: role, Content: one}, {Role: llm.User, Content: two}},
			Replicate: int(int32(replicate)), Seed: seed % (1 << 53)}
		if schema != "" {
			req.Schema = &llm.Schema{Name: name, Schema: []byte(schema)}
		}
		got, err := canonicalRequest(req)
		want, wantErr := canonical.JSON(req)
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != string(want) {
			t.Errorf("got  %s, %v\nwant %s, %v", got, err, want, wantErr)
		}
	})
}

func TestCanonicalRequestWithoutMessages(t *testing.T) {
	for _, req := range []*llm.Request{{}, {Messages: []llm.Message{}}} {
		got, err := canonicalRequest(req)
		want, _ := canonical.JSON(req)
		if err != nil || string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	req := ask(strings.Repeat("some words of a prompt, ", 170)) // 4 KB
	for b.Loop() {
		if _, _, err := keyOf([32]byte{}, req); err != nil {
			b.Fatal(err)
		}
	}
}
