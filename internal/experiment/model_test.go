package experiment

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// TestDialect: what changes a request is in a model's identity, and what only lets
// it in is not; what makes no difference is in neither.
func TestDialect(t *testing.T) {
	models := load(t, "testdata/good/dialect.yaml", Options{}).Spec.Models
	for name, want := range map[string]llm.Dialect{
		"azure": {TokenLimit: llm.MaxCompletionTokens},
		"vllm": {NoSeed: true, NoSystem: true, NoStrict: true, Body: json.RawMessage(
			`{"chat_template_kwargs":{"enable_thinking":false},"min_p":0.05,"stop":["\u003c/s\u003e","é"],"top_k":20,"user":null}`)},
		"plain": {},
		"text":  {},
	} {
		if got := models[name].Identity(name).Dialect; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v\n%s", name, got, want, got.Body)
		}
	}
	want := llm.Access{Query: map[string]string{"api-version": "2024-10-21"}, Headers: map[string]llm.Header{
		"api-key": {Env: "AZURE_KEY"}, "X-Title": {Value: "a team's runs"}, "HTTP-Referer": {Value: "https://example.com/runs"},
	}}
	if got := models["azure"].Access(); !reflect.DeepEqual(got, want) {
		t.Errorf("access %+v, want %+v", got, want)
	}
}

// TestHeaderNeedsSecret: pods must find what a header names.
func TestHeaderNeedsSecret(t *testing.T) {
	e := load(t, "testdata/good/dialect.yaml", Options{})
	p := DefaultProfile()
	p.Spec.Engine, p.Spec.Argo = EngineArgo, &Argo{}
	err := CheckTogether(e, p)
	if err == nil || err.Error() != "default: spec.argo.secrets.AZURE_KEY: is missing, and the model azure of dialect names it; "+secretEntry {
		t.Errorf("got %v", err)
	}
}
