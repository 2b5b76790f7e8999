package trace

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/gymline/gymline/internal/fault"
)

// maxNesting is how deep a file of scenes or seeds may be nested; they need eight.
const maxNesting = 32

// readYAML decodes the one document of a file, strictly: keys that are given twice are
// refused, and so is what is no plain data.
func readYAML(name string, data []byte, into any) (err error) {
	// The parser below is not ours: what it cannot bear is a bad file, not a crash.
	defer func() {
		if recover() != nil {
			err = complain(name, nil, "it is not YAML that can be read")
		}
	}()
	if data, err = plainText(name, 1, data); err != nil {
		return err
	}
	// Tokens are dear, and a hostile file begs for many: its beginning tells it.
	for n := 4 << 10; n < len(data); n *= 2 {
		if odd := tooDeep(string(data[:n])); odd != nil {
			return complain(name, odd.Position, tooDeepMessage)
		}
	}
	tokens := lexer.Tokenize(string(data))
	writesRuneError := bytes.ContainsRune(data, utf8.RuneError) || bytes.Contains(bytes.ToLower(data), []byte("fffd"))
	if odd, message := oddToken(tokens, writesRuneError); odd != nil {
		return complain(name, odd.Position, message)
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return located(name, err)
	}
	if len(file.Docs) > 1 {
		return complain(name, file.Docs[1].Start.Position, "the file holds a second document")
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return complain(name, nil, "the file is empty")
	}
	if err := yaml.NodeToValue(file.Docs[0].Body, into, yaml.Strict()); err != nil {
		return located(name, err)
	}
	return nil
}

var tooDeepMessage = fmt.Sprintf("it is nested too deep: more than %d levels", maxNesting)

// tooDeep looks at the beginning of a file, which may be cut anywhere, for depth alone.
func tooDeep(beginning string) (odd *token.Token) {
	defer func() { _ = recover() }() // of what the cut does; the whole is looked at later
	if t, message := oddToken(lexer.Tokenize(beginning), true); message == tooDeepMessage {
		return t
	}
	return nil
}

// oddToken finds the first token that is no plain data, or too deep. The YAML package
// panics on some of them, aliases can blow a small file up, and its work grows with
// the square of the depth. It puts U+FFFD for half of a character: writesRuneError
// tells that the file has that itself.
func oddToken(tokens token.Tokens, writesRuneError bool) (odd *token.Token, message string) {
	flow, run, line := 0, 0, 0
	var columns []int // of the lines that enclose this one
	for _, t := range tokens {
		if t.Position.Line != line {
			line = t.Position.Line
			for len(columns) > 0 && columns[len(columns)-1] >= t.Position.Column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, t.Position.Column)
		}
		block := false
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType:
			return t, fmt.Sprintf("%q: tags, anchors, aliases and merges have no use here", t.Value)
		case token.DoubleQuoteType:
			if strings.ContainsRune(t.Value, utf8.RuneError) && !writesRuneError {
				return t, "an escape in this text is half of a character"
			}
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			block = true
			run++
		}
		if !block {
			run = 0
		}
		if flow > maxNesting || run > maxNesting || len(columns) > maxNesting {
			return t, tooDeepMessage
		}
	}
	return nil, ""
}

// A text is a YAML scalar as it is written, and knows where it stood: 3.10 and 007 are
// texts here, and stay what they are.
type text struct {
	Text string
	pos  *token.Position
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (t *text) UnmarshalYAML(node ast.Node) error {
	t.pos = node.GetToken().Position
	switch n := node.(type) {
	case *ast.StringNode:
		t.Text = n.Value
	case *ast.LiteralNode:
		t.Text = n.Value.Value
	case *ast.NullNode:
		t.Text = ""
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		t.Text = node.GetToken().Value
	case *ast.SequenceNode:
		return &yaml.SyntaxError{Message: "want a text, found a list; put it in quotes if it is text", Token: node.GetToken()}
	default:
		return &yaml.SyntaxError{Message: "want a text, found a mapping; put it in quotes if it is text", Token: node.GetToken()}
	}
	return nil
}

// parameters are an operation's: a list of names, or a mapping from names to types.
type parameters []string

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (p *parameters) UnmarshalYAML(node ast.Node) error {
	var nodes []ast.Node
	switch n := node.(type) {
	case *ast.NullNode:
	case *ast.SequenceNode:
		nodes = slices.Clone(n.Values)
	case ast.MapNode:
		for it := n.MapRange(); it.Next(); {
			nodes = append(nodes, it.Key())
		}
	default:
		nodes = []ast.Node{node}
	}
	for _, n := range nodes {
		var name text
		if err := name.UnmarshalYAML(n); err != nil {
			return err
		}
		*p = append(*p, name.Text)
	}
	return nil
}

// errorf says what is wrong with the text; one that was absent stands at 1:1.
func (t text) errorf(file, format string, args ...any) error {
	return complain(file, t.pos, fmt.Sprintf(format, args...))
}

// known says of an error for an unknown key which there are.
func known(err error, form string) error {
	if unknown, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		return &yaml.SyntaxError{Message: unknown.Message + "; want " + form, Token: unknown.Token}
	}
	return err
}

// located turns an error of the YAML package into file:line:column.
func located(name string, err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		return complain(name, at.GetToken().Position, at.GetMessage())
	}
	return complain(name, nil, err.Error())
}

func complain(file string, pos *token.Position, message string) error {
	line, column := 1, 1
	if pos != nil {
		line, column = pos.Line, pos.Column
	}
	return fault.New(fault.Permanent, fmt.Errorf("%s:%d:%d: %s", file, line, column, message), "mend that line of the file")
}
