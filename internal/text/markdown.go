package text

import "strings"

var markdown = strings.NewReplacer("\n", " ", "\r", " ", "|", `\|`, "<", "&lt;", "`", "'", "[", `\[`, "*", `\*`, "_", `\_`)

// Markdown is a text that in Markdown, in a cell of a table too, is what it says and no
// mark-up.
func Markdown(s string) string { return markdown.Replace(s) }
