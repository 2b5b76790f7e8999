package experiment

// HoldsSecret reports whether a text holds what looks like a secret. A file that was loaded
// holds none, be it in a comment: Load and LoadProfile refuse it.
func HoldsSecret(text string) bool { return holdsSecret(text) }
