package openai

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// What vLLM and llama.cpp say of themselves is read, and a server that says nothing is told of.
func TestList(t *testing.T) {
	for name, c := range map[string]struct{ models, props, want string }{
		"vllm": {
			`{"object":"list","data":[{"id":"base","object":"model","created":1,"owned_by":"vllm","root":"/m/base","parent":null,"max_model_len":4096},{"id":"tuned","root":"/m/tuned","parent":"base"}]}`,
			"", "&{[{base [] /m/base  0} {tuned [] /m/tuned base 0}] }",
		},
		"llama.cpp": {
			`{"models":[{"name":"x"}],"object":"list","data":[{"id":"tuned","object":"model","created":1,"owned_by":"llamacpp","meta":{"vocab_type":2,"n_vocab":49152,"n_ctx_train":2048,"n_embd":576,"n_params":134515008,"size":143116672}}]}`,
			`{"default_generation_settings":{},"total_slots":1,"model_path":"/m/tuned.gguf","chat_template":"x"}`, "&{[{tuned []   143116672}] /m/tuned.gguf}",
		},
		"llama.cpp of 2026, as it answered": {
			`{"models":[{"name":"smollm2-135m","model":"smollm2-135m","modified_at":"","size":"","digest":"","type":"model","description":"","tags":[""],"capabilities":["completion"],"parameters":"","details":{"parent_model":"","format":"gguf","family":"","families":[""],"parameter_size":"","quantization_level":""}}],"object":"list","data":[{"id":"smollm2-135m","aliases":["smollm2-135m"],"tags":[],"object":"model","architecture":{"input_modalities":["text"],"output_modalities":["text"]},"created":1795955130,"owned_by":"llamacpp","meta":{"vocab_type":2,"n_vocab":49152,"n_ctx":4096,"n_ctx_train":8192,"n_embd":576,"n_params":134515008,"size":96576768,"ftype":"Q4_1"}}]}`,
			`{"default_generation_settings":{"params":{"seed":4294967295,"temperature":0.0,"lora":[]},"n_ctx":4096},"total_slots":2,"model_alias":"smollm2-135m","model_ftype":"Q4_1","model_path":"/m/SmolLM2-135M-Instruct.Q4_1.gguf","modalities":{"vision":false,"video":false,"audio":false},"endpoint_slots":true,"endpoint_props":true,"build_info":"b0-unknown","is_sleeping":false}`,
			"&{[{smollm2-135m [smollm2-135m]   96576768}] /m/SmolLM2-135M-Instruct.Q4_1.gguf}",
		},
		"nothing": {"", "", "<nil> /v1/models: HTTP 404"},
		"a page":  {"<html>", "", "<nil> /v1/models: invalid character '<' looking for beginning of value"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := map[string]string{"/v1/models": c.models, "/props": c.props}[r.URL.Path]
			if body == "" || r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer k" {
				http.NotFound(w, r)
				return
			}
			fmt.Fprint(w, body)
		}))
		said, err := List(t.Context(), llm.Model{Name: "m", Model: "tuned", BaseURL: server.URL + "/v1/"}, Access{Key: NewKey("k")}, NewHTTPClient())
		got := fmt.Sprint(said)
		if err != nil {
			got += " " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		server.Close()
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, err := List(t.Context(), llm.Model{Name: "m", Model: "tuned", BaseURL: gone.URL + "/v1"}, Access{}, NewHTTPClient()); err == nil || !strings.Contains(err.Error(), "call 127.0.0.1:") {
		t.Error(err)
	}
}
