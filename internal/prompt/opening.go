package prompt

import "strings"

// gap stands between what opens a conversation and its first question. Neither
// holds one: their texts are one line each.
const gap = "\n\n"

// Open is the first question of a conversation after what it is about, such as a
// scene. That stands here and not in the system text: files and models wrote it.
// Where there is nothing, the question stands alone.
func Open(about, question string) string {
	if about == "" {
		return question
	}
	return about + gap + question
}

// Opening takes apart what Open put together.
func Opening(message string) (about, question string) {
	if i := strings.LastIndex(message, gap); i >= 0 {
		return message[:i], message[i+len(gap):]
	}
	return "", message
}
