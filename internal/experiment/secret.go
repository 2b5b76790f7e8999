package experiment

import (
	"fmt"
	"strings"
	"unicode"
)

// imageDigest is what pins an image. It is no secret, though it looks like one.
const imageDigest = `@sha256:[0-9a-f]{64}`

// knownSecrets match credentials by the marks that their issuers give them; and
// image digests, so that nothing else matches a part of one.
var knownSecrets = lazily(strings.Join([]string{
	imageDigest + `\b`,
	`\bsk-[A-Za-z0-9_-]{8,}`,                      // OpenAI, Anthropic and others
	`\b[rsp]k_(?:live|test)_[A-Za-z0-9]{8,}`,      // Stripe
	`\b(?:AKIA|ASIA)[A-Z0-9]{12,}`,                // AWS access key ID
	`\bgh[pousr]_[A-Za-z0-9]{8,}`,                 // GitHub
	`\bgithub_pat_[A-Za-z0-9_]{8,}`,               //
	`\bglpat-[A-Za-z0-9_-]{8,}`,                   // GitLab
	`\b(?:hf|gsk|r8|fw|nvapi)[_-][A-Za-z0-9]{8,}`, // Hugging Face, Groq, Replicate, Fireworks, NVIDIA
	`\bxox[a-z]-[A-Za-z0-9-]{8,}`,                 // Slack
	`\bAIza[A-Za-z0-9_-]{16,}`,                    // Google
	`\beyJ[A-Za-z0-9_-]{16,}[A-Za-z0-9_.-]*`,      // JSON web token
	`(?i)\bbearer\s+[A-Za-z0-9_.~+/=-]{8,}`,
	`(?i)\bbasic\s+[A-Za-z_.~+/=-]*[0-9][A-Za-z0-9_.~+/=-]{4,}`,
	`\b[0-9A-Fa-f]{32,}\b`, // hexadecimal keys, whatever they are of
	`-----BEGIN [A-Z ]*PRIVATE KEY[^\n]*`,
	`://[^/\s@]+@`, // credentials in a URL
}, "|"))

// wordlike is what a random secret of no known issuer would be a piece of.
var wordlike = lazily(imageDigest + `\b|[A-Za-z0-9+/=]{20,}`)

func isImageDigest(match string) bool { return strings.HasPrefix(match, "@sha256:") }

// looksRandom tells a random key from a long word: its characters change class
// (capital, small, digit) far more often than names do.
func looksRandom(s string) bool {
	class := func(r rune) int {
		switch {
		case unicode.IsDigit(r):
			return 1
		case unicode.IsUpper(r):
			return 2
		}
		return 3
	}
	changes, digits, before := 0, 0, 0
	for i, r := range s {
		c := class(r)
		if c == 1 {
			digits++
		}
		if i > 0 && c != before {
			changes++
		}
		before = c
	}
	return digits > 0 && digits < len(s) && changes*10 >= len(s)*3
}

// elide replaces what looks like a secret. Every text that came from a file
// passes through it before it is shown.
func elide(s string) string {
	s = knownSecrets().ReplaceAllStringFunc(s, func(w string) string {
		if isImageDigest(w) {
			return w
		}
		return "[secret]"
	})
	return wordlike().ReplaceAllStringFunc(s, func(w string) string {
		if !isImageDigest(w) && looksRandom(w) {
			return "[secret]"
		}
		return w
	})
}

func holdsSecret(s string) bool { return elide(s) != s }

const secretFix = "take it out, revoke it if anyone has seen the file, and refer to it as {env: NAME}"

// secrets finds what looks like a secret below n, in keys and values alike.
func (l *loader) secrets(n *node, path string) {
	if holdsSecret(n.text) {
		l.addSecret(n.at, path)
	}
	for i, item := range n.items {
		l.secrets(item, fmt.Sprintf("%s[%d]", path, i))
	}
	for _, e := range n.entries {
		below := join(path, e.key)
		if holdsSecret(e.key) {
			l.addSecret(e.at, below)
		}
		l.secrets(e.value, below)
	}
}

func (l *loader) addSecret(at place, path string) {
	l.add(at, path, "holds what looks like a secret", secretFix)
	l.secret[path] = true
}
