package cli

import (
	"bytes"
	"io"
	"strings"
	"text/tabwriter"

	pretty "github.com/jedib0t/go-pretty/v6/text"
)

// gap is what parts two columns.
const gap = 2

// A Table is written as lines whose cells are parted by tabs, the header first. In a
// terminal that is too narrow for it, cells are broken between words, and where that is
// not enough each row becomes a list. No word is ever cut.
type Table struct {
	w     io.Writer
	width int
	text  bytes.Buffer
}

// NewTable begins a table for the standard output.
func (e *Edge) NewTable(header string) *Table {
	t := &Table{w: e.Stdout, width: e.Columns()}
	t.text.WriteString(header + "\n")
	return t
}

// Columns is how wide the terminal is that the standard output is; 0 where it is none.
func (e *Edge) Columns() int {
	if !e.Shown || e.Width == nil {
		return 0
	}
	return max(e.Width(), 1)
}

// Write implements io.Writer.
func (t *Table) Write(p []byte) (int, error) { return t.text.Write(p) }

// Flush writes the table.
func (t *Table) Flush() error {
	all := strings.TrimLeft(t.text.String(), "\n")
	lead := t.text.String()[:t.text.Len()-len(all)]
	var rows [][]string
	for line := range strings.Lines(all) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, gap, ' ', 0)
	_, _ = io.WriteString(tw, all)
	_ = tw.Flush()
	_, err := io.WriteString(t.w, lead+inRoom(b.String(), rows, t.width))
	return err
}

// inRoom is a table as it was laid out or, where that is too wide, its rows in less room;
// a width of 0 is never too narrow.
func inRoom(laid string, rows [][]string, width int) string {
	if width == 0 || widest(laid) <= width {
		return laid
	}
	if widths := shrunk(rows, width); widths != nil {
		return broken(rows, widths)
	}
	return listed(rows, width)
}

func widest(text string) (most int) {
	for line := range strings.Lines(text) {
		most = max(most, pretty.StringWidth(strings.TrimRight(line, " \n")))
	}
	return most
}

// shrunk are the columns' widths in a table that fits, each no less than its longest word;
// nil where there are none.
func shrunk(rows [][]string, width int) []int {
	var natural, least []int
	for _, cells := range rows {
		for c, cell := range cells {
			if c == len(natural) {
				natural, least = append(natural, 0), append(least, 0)
			}
			natural[c] = max(natural[c], pretty.StringWidth(cell))
			for word := range strings.FieldsSeq(cell) {
				least[c] = max(least[c], pretty.StringWidth(word))
			}
		}
	}
	total := gap * (len(natural) - 1)
	for _, n := range natural {
		total += n
	}
	for ; total > width; total-- {
		most := -1
		for c, n := range natural {
			if n > least[c] && (most < 0 || n > natural[most]) {
				most = c
			}
		}
		if most < 0 || natural[most] < width/4 { // a column of few letters reads no better than a list
			return nil
		}
		natural[most]--
	}
	return natural
}

// broken lays rows out in columns of those widths.
func broken(rows [][]string, widths []int) string {
	var b strings.Builder
	for _, cells := range rows {
		var lines [][]string // of each cell
		height := 1
		for c, cell := range cells {
			lines = append(lines, words(cell, widths[c]))
			height = max(height, len(lines[c]))
		}
		for n := range height {
			var line strings.Builder
			for c := range cells {
				part := ""
				if n < len(lines[c]) {
					part = lines[c][n]
				}
				line.WriteString(part + strings.Repeat(" ", widths[c]-pretty.StringWidth(part)+gap))
			}
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	return b.String()
}

// listed shows each row as its first cell, and below it the others behind their names.
func listed(rows [][]string, width int) string {
	const indent = "  "
	var b strings.Builder
	for _, cells := range rows[1:] {
		head := strings.Join(words(cells[0], width), "\n")
		b.WriteString(head)
		at := width // of the line: nothing more fits beside the first cell
		for c := 1; c < len(cells); c++ {
			if cells[c] == "" {
				continue
			}
			pair := cells[c]
			if c < len(rows[0]) {
				pair = strings.TrimSpace(rows[0][c] + " " + pair)
			}
			if at+gap+pretty.StringWidth(pair) <= width {
				b.WriteString(strings.Repeat(" ", gap) + pair)
				at += gap + pretty.StringWidth(pair)
				continue
			}
			for _, line := range words(pair, width-len(indent)) {
				if head += line; head != line { // nothing stands above the first line of a row that goes on
					b.WriteString("\n")
				}
				b.WriteString(indent + line)
				at = len(indent) + pretty.StringWidth(line)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// words breaks a text into lines between words; a word that is too long has its own.
func words(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case pretty.StringWidth(line)+1+pretty.StringWidth(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// Lines breaks each line of a text for the terminal; what follows in it is indented.
func (e *Edge) Lines(s, indent string) string { return folded(s, indent, e.Columns()) }

func folded(s, indent string, width int) string {
	if width == 0 {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		if pretty.StringWidth(strings.TrimSuffix(line, "\n")) <= width {
			b.WriteString(line)
			continue
		}
		for n, part := range words(line, width-len(indent)) {
			if n > 0 {
				part = indent + part
			}
			b.WriteString(part + "\n")
		}
	}
	return b.String()
}
