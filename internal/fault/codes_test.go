package fault

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// Every exit code has one meaning, and the pages for readers say the same.
func TestMeanings(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var constants, listed []string
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				constants = append(constants, v.Names[0].Name+"="+v.Values[0].(*ast.BasicLit).Value)
			}
		}
	}
	for _, m := range Meanings() {
		listed = append(listed, fmt.Sprintf("%s=%d", m.Name, m.Code))
	}
	if !slices.Equal(constants, listed) {
		t.Errorf("the constants are %v, and the table has %v", constants, listed)
	}
	for _, page := range []string{"../../README.md", "../../docs/cli.md"} {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range Meanings() {
			if row := fmt.Sprintf("| %d | %s |\n", m.Code, m.Text); !strings.Contains(string(data), row) {
				t.Errorf("%s lacks the row %s", page, row)
			}
		}
	}
}

func TestHelpOfExitCodes(t *testing.T) {
	if got := Help(); !strings.HasPrefix(got, "Exit codes:\n  0    done\n  1    different: ") || !strings.HasSuffix(got, "\n  130  interrupted; what was done is kept") {
		t.Error(got)
	}
}
