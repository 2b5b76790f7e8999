package openai

import (
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
)

// What a person can do about a call that no other try helps.
const (
	addCredit = "add credit at the provider or raise the account's spending limit"
	mendKey   = "set the environment variable of the model's apiKey, or of the header that holds it, to a key that the provider accepts"
	getAccess = "give the key's account access to this model at the provider, or use another key"
	mendName  = "check baseURL and the model's name"
	mendURL   = "check baseURL: it ends before /chat/completions, with most servers in /v1, and must be the API's address"
	mendProxy = "give the proxy that HTTPS_PROXY or HTTP_PROXY names a user and password that it accepts, or name the server in NO_PROXY"
	callUs    = "ask the provider why the account is closed, or use another key"
	region    = "do what the provider asks of the account: it does not serve this region, or wants billing or a service enabled"
)

// denied are the codes, types and reasons of errors that only a person can mend,
// whatever the status, with what to do.
var denied = map[string]string{
	"insufficient_quota": addCredit, "billing_hard_limit_reached": addCredit, "billing_not_active": addCredit, // OpenAI
	"billing_error":                addCredit, // Anthropic
	"insufficient_credits":         addCredit, // OpenRouter
	"insufficient_balance":         addCredit, // DeepSeek
	"insufficient_user_quota":      addCredit, // One API
	"arrearage":                    addCredit, // Alibaba
	"exceeded_current_quota_error": addCredit, // Moonshot
	"1113":                         addCredit, // Zhipu
	"blocked_api_access":           addCredit, // Groq, at its spending limit
	"quota_exceeded":               addCredit, "billing_disabled": addCredit,
	"account_deactivated": callUs, "access_terminated": callUs, "consumer_suspended": callUs,
	"invalid_api_key": mendKey, "authentication_error": mendKey, "invalid_authentication_error": mendKey, "unauthenticated": mendKey, "unauthorized": mendKey,
	"api_key_invalid": mendKey, "api_key_expired": mendKey, "api_key_service_blocked": mendKey, "api_key_ip_address_blocked": mendKey, "access_token_expired": mendKey, // Google
	"invalidapikey": mendKey, "incorrect_api_key": mendKey, "expired_api_key": mendKey, "token_expired": mendKey, // Alibaba, xAI
	"permission_error": getAccess, "permission_denied": getAccess, "service_disabled": region,
	"failed_precondition": region, "unsupported_country_region_territory": region, "user_location_invalid": region,
	"model_not_found": mendName, "invalid_model": mendName, "model_not_exist": mendName, "model_not_supported": mendName, "unknown_model": mendName,
	"deploymentnotfound": mendName, "unknown_url": mendURL, "not_found_error": mendName, "model_decommissioned": mendName, // Azure, OpenAI, Anthropic, Groq
}

// ofRow are codes of errors that are about one request's text, whatever the status.
var ofRow = set("context_length_exceeded", "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "invalid_prompt",
	"string_above_max_length", "data_inspection_failed", "datainspectionfailed", "moderation", "content_moderation", "request_too_large", "exceed_context_size_error")

// passing are codes of failures that pass, whatever the status.
var passing = set("rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "throttled", "throttling", "resource_exhausted",
	"capacity_exceeded", "over_capacity", "overloaded_error", "overloaded", "engine_overloaded", "engine_overloaded_error", "model_overloaded", "server_overloaded",
	"unavailable", "service_unavailable", "service_unavailable_error", "server_error", "internal_server_error", "internal_error", "internal", "aborted",
	"timeout", "request_timeout", "deadline_exceeded", "upstream_error", "model_not_ready", "model_loading", "slow_down")

// statuses are what codes stand for, where an error comes with status 200.
var statuses = map[string]int{
	"rate_limit_exceeded": 429, "rate_limit_error": 429, "rate_limited": 429, "too_many_requests": 429, "resource_exhausted": 429,
	"overloaded_error": 529, "overloaded": 529, "unavailable": 503, "service_unavailable": 503, "deadline_exceeded": 504, "timeout": 504,
	"server_error": 500, "internal_server_error": 500, "internal": 500, "unknown": 500, "aborted": 409,
	"invalid_request_error": 400, "invalid_argument": 400, "bad_request": 400, "badrequesterror": 400, "out_of_range": 400,
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// classify decides by status and code, never by message text. What a person can
// mend comes with its remedy.
func classify(status int, names ...string) (_ llm.Class, remedy string) {
	passes := false
	for _, name := range names {
		name = strings.ToLower(name)
		if ofRow[name] {
			return llm.Refused, ""
		}
		if remedy, ok := denied[name]; ok {
			return llm.Denied, remedy
		}
		passes = passes || passing[name]
	}
	switch {
	case status == 413: // larger than any limit lets through
		return llm.Refused, ""
	case passes && status != 401 && status != 402 && status != 403:
		return llm.Retryable, ""
	case status == 401:
		return llm.Denied, mendKey
	case status == 402:
		return llm.Denied, addCredit
	case status == 403:
		return llm.Denied, getAccess
	case status == 405:
		return llm.Denied, mendURL
	case status == 407:
		return llm.Denied, mendProxy
	case status == 404, status >= 300 && status < 400:
		return llm.Denied, mendName
	case status >= 500, status < 400, passes4xx[status]:
		return llm.Retryable, ""
	}
	return llm.Refused, ""
}

// ofText reports whether a refusal is about one request's text. Any other may be
// about what all requests have in common.
func ofText(status int, names []string) bool {
	return status == 413 || slices.ContainsFunc(names, func(name string) bool { return ofRow[strings.ToLower(name)] })
}

// passes4xx are the statuses below 500 of what passes: some are a provider's or a
// proxy's own.
var passes4xx = map[int]bool{
	408: true, 409: true, 420: true, 423: true, 424: true, 425: true, 429: true,
	440: true, 444: true, 449: true, 460: true, 498: true, 499: true,
}
