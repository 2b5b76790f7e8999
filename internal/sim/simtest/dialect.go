package simtest

import "net/http"

// A Dialect is how a provider's endpoint differs from OpenAI's: what it refuses or
// does not heed, and in which shapes it answers.
type Dialect struct {
	Name string
	// Needs are the fields of a model's config, in YAML, without each of which
	// nothing useful is answered: those that docs/providers.md names.
	Needs []string

	Header   string   // that holds the key alone; "" is Authorization, after Bearer
	Query    string   // parameter of the URL without which nothing is found
	Refuses  []string // members of a request, such as seed or response_format.type=json_object
	NoSystem bool     // its chat template has no system role
	Prose    bool     // response_format is not heeded
	Heeds    string   // member of a request without which response_format is not heeded
	Thinks   string   // member of a request without which the answer is thought alone
	Limit    int      // of an answer's characters when the request names none

	Refusal int // status of a refused request; 400 unless given
	Error   func(status int, message string) any
	Shape   func(completion, choice map[string]any)
}

// Dialects has a row for each endpoint of docs/providers.md.
var Dialects = []Dialect{
	{Name: "OpenAI", Needs: []string{"tokenLimit: max_completion_tokens"}, Refuses: []string{"max_tokens"}, Error: openAIError, Shape: func(completion, choice map[string]any) {
		message(choice)["refusal"], message(choice)["annotations"] = nil, []any{}
		completion["service_tier"], completion["system_fingerprint"] = "default", nil
	}},
	{Name: "Azure", Needs: []string{"headers: {api-key: {env: KEY}}", "query: {api-version: '2024-10-21'}", "tokenLimit: max_completion_tokens"},
		Header: "api-key", Query: "api-version", Refuses: []string{"max_tokens"}, Error: azureError, Shape: func(completion, choice map[string]any) {
			completion["prompt_filter_results"] = []any{map[string]any{"prompt_index": 0, "content_filter_results": map[string]any{}}}
			choice["content_filter_results"] = map[string]any{"hate": map[string]any{"filtered": false, "severity": "safe"}}
		}},
	{Name: "Anthropic", Needs: []string{"schema: text"}, Prose: true, Error: anthropicError, Shape: func(completion, _ map[string]any) {
		usage(completion)["prompt_tokens_details"] = nil
	}},
	{Name: "Gemini", Needs: []string{"seed: false"}, Refuses: []string{"seed"}, Error: geminiError, Shape: func(completion, choice map[string]any) {
		delete(choice, "index")
		completion["id"] = "x"
	}},
	{Name: "xAI", Error: xaiError, Shape: func(completion, choice map[string]any) {
		message(choice)["refusal"] = nil
		usage(completion)["completion_tokens_details"] = map[string]any{"reasoning_tokens": 7}
		usage(completion)["num_sources_used"] = 0
	}},
	{Name: "Mistral", Needs: []string{"seed: false"}, Refuses: []string{"seed", "max_completion_tokens"}, Refusal: http.StatusUnprocessableEntity, Error: mistralError,
		Shape: func(_, choice map[string]any) {
			message(choice)["content"] = []any{map[string]any{"type": "text", "text": message(choice)["content"]}}
			message(choice)["tool_calls"] = nil
		}},
	{Name: "Groq", Needs: []string{"schema: json_object"}, Refuses: []string{"response_format.type=json_schema"}, Error: openAIError, Shape: func(completion, _ map[string]any) {
		completion["x_groq"] = map[string]any{"id": "req_1"}
		usage(completion)["queue_time"], usage(completion)["total_time"] = 0.017, 0.24
	}},
	{Name: "Together", Needs: []string{"schema: text"}, Prose: true, Error: openAIError, Shape: func(completion, choice map[string]any) {
		completion["prompt"], choice["seed"], choice["logprobs"] = []any{}, uint64(5331395037241649152), nil
	}},
	{Name: "OpenRouter", Needs: []string{"body: {provider: {require_parameters: true}}"}, Heeds: "provider.require_parameters", Error: openRouterError,
		Shape: func(completion, choice map[string]any) {
			completion["provider"], choice["native_finish_reason"] = "Somebody", "STOP"
			message(choice)["reasoning"], usage(completion)["cost"] = nil, 0.00014
		}},
	{Name: "vLLM", Needs: []string{"system: false", "body: {chat_template_kwargs: {enable_thinking: false}}"}, NoSystem: true, Thinks: "chat_template_kwargs.enable_thinking", Error: bareError,
		Shape: func(completion, choice map[string]any) {
			choice["stop_reason"], completion["prompt_logprobs"], completion["kv_transfer_params"] = nil, nil, nil
			usage(completion)["prompt_tokens_details"] = nil
		}},
	{Name: "SGLang", Needs: []string{"system: false"}, NoSystem: true, Error: bareError, Shape: func(_, choice map[string]any) {
		choice["matched_stop"], choice["logprobs"] = 128009, nil
		message(choice)["reasoning_content"] = nil
	}},
	{Name: "llama.cpp", Refuses: []string{"max_completion_tokens"}, Error: llamaError, Shape: func(completion, choice map[string]any) {
		completion["timings"] = map[string]any{"prompt_ms": 12.5}
		delete(choice, "logprobs")
	}},
	{Name: "LM Studio", Refuses: []string{"response_format.type=json_object"}, Error: textError, Shape: func(completion, choice map[string]any) {
		completion["stats"], choice["logprobs"] = map[string]any{}, nil
	}},
	{Name: "Ollama", Error: openAIError, Shape: func(completion, _ map[string]any) {
		completion["system_fingerprint"] = "fp_ollama"
	}},
	{Name: "TGI", Needs: []string{"schema: text", "maxTokens: 1024"}, Refuses: []string{"response_format"}, Limit: 30, Refusal: http.StatusUnprocessableEntity, Error: tgiError,
		Shape: func(completion, _ map[string]any) {
			completion["id"], completion["system_fingerprint"] = "", "3.0.1-native"
		}},
}

func message(choice map[string]any) map[string]any   { return choice["message"].(map[string]any) }
func usage(completion map[string]any) map[string]any { return completion["usage"].(map[string]any) }

// The shapes of errors. What is no text is sent as JSON.

func openAIError(_ int, message string) any {
	return map[string]any{"error": map[string]any{"message": message, "type": "invalid_request_error", "param": nil, "code": nil}}
}

func azureError(status int, message string) any {
	return map[string]any{"error": map[string]any{"message": message, "code": http.StatusText(status)}}
}

func anthropicError(status int, message string) any {
	kind := "invalid_request_error"
	if status == http.StatusUnauthorized {
		kind = "authentication_error"
	}
	return map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}, "request_id": "req_1"}
}

func geminiError(status int, message string) any {
	return []any{map[string]any{"error": map[string]any{"code": status, "message": message, "status": "INVALID_ARGUMENT"}}}
}

func xaiError(_ int, message string) any {
	return map[string]any{"code": "Client specified an invalid argument", "error": message}
}

func mistralError(status int, message string) any {
	if status != http.StatusUnprocessableEntity {
		return map[string]any{"message": message, "request_id": "1"}
	}
	detail := []any{map[string]any{"type": "extra_forbidden", "loc": []any{"body"}, "msg": message}}
	return map[string]any{"object": "error", "message": map[string]any{"detail": detail}, "type": "invalid_request_error", "param": nil, "code": nil}
}

func openRouterError(status int, message string) any {
	return map[string]any{"error": map[string]any{"message": message, "code": status, "metadata": map[string]any{}}, "user_id": "u"}
}

func bareError(status int, message string) any {
	return map[string]any{"object": "error", "message": message, "type": "BadRequestError", "param": nil, "code": status}
}

func llamaError(status int, message string) any {
	return map[string]any{"error": map[string]any{"code": status, "message": message, "type": "invalid_request_error"}}
}

func textError(_ int, message string) any { return map[string]any{"error": message} }

func tgiError(status int, message string) any {
	if status == http.StatusUnprocessableEntity {
		return "Failed to deserialize the JSON body into the target type: " + message
	}
	return map[string]any{"error": message, "error_type": "validation"}
}
