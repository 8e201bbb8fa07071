package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a reader can hold in mind.
const (
	longestFunction = 60 // lines
	mostNames       = 30 // exported by a package: types, functions, variables and groups of constants
	mostOfContract  = 70 // exported by package session, which is plain data and interfaces
)

// openCases are what does not hold yet, by package or by package and function. The list only gets
// shorter: an entry that is not needed any more fails the test.
var openCases = map[string]string{}

func TestShape(t *testing.T) {
	found := map[string]string{}
	for name, files := range parsed(t) {
		names := 0
		for _, file := range files {
			for _, d := range file.Decls {
				names += exported(d)
				for what, why := range complaints(name, d) {
					found[what] = why
				}
			}
		}
		most := mostNames
		if name == "session" {
			most = mostOfContract
		}
		if names > most {
			found[name] = "exports too many names"
		}
	}
	for _, what := range slices.Sorted(maps.Keys(found)) {
		if openCases[what] == "" {
			t.Errorf("%s: %s", what, found[what])
		}
	}
	for what := range openCases {
		if found[what] == "" {
			t.Errorf("%s holds now: take it off the list", what)
		}
	}
}

// exported counts the names of a declaration as go doc -short lists them, one a line.
func exported(d ast.Decl) int {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			return 1
		}
	case *ast.GenDecl:
		n := 0
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				if slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
					return 1 // one line, whatever else the group has
				}
			}
		}
		return n
	}
	return 0
}

// complaints are what is wrong with a declaration, by what it is about.
func complaints(pkg string, d ast.Decl) map[string]string {
	out := map[string]string{}
	switch d := d.(type) {
	case *ast.FuncDecl:
		name, public := pkg+"."+d.Name.Name, d.Name.IsExported()
		if d.Recv != nil {
			of := receiver(d.Recv.List[0].Type)
			name, public = pkg+"."+of+"."+d.Name.Name, public && ast.IsExported(of)
		}
		if lines := positions.Line(d.End()) - positions.Line(d.Pos()) + 1; lines > longestFunction {
			out[name] = "is longer than 60 lines"
		}
		if public && d.Doc == nil {
			out[name+" (comment)"] = "is exported and not documented"
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			for name, documented := range namesOf(s) {
				if ast.IsExported(name) && !documented && d.Doc == nil {
					out[pkg+"."+name+" (comment)"] = "is exported and not documented"
				}
			}
		}
	}
	return out
}

// namesOf are the names of a specification, and whether a comment stands at it.
func namesOf(s ast.Spec) map[string]bool {
	out := map[string]bool{}
	switch s := s.(type) {
	case *ast.TypeSpec:
		out[s.Name.Name] = s.Doc != nil || s.Comment != nil
	case *ast.ValueSpec:
		for _, n := range s.Names {
			out[n.Name] = s.Doc != nil || s.Comment != nil
		}
	}
	return out
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// lines tells lines of positions.
type lines struct{ *token.FileSet }

// Line is that of a position.
func (l lines) Line(p token.Pos) int { return l.Position(p).Line }

var positions = lines{token.NewFileSet()}

// parsed reads the files of every package that are no tests, whatever system they are for.
func parsed(t *testing.T) map[string][]*ast.File {
	t.Helper()
	packages := map[string][]*ast.File{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (path != ".." && strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(positions.FileSet, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel("..", filepath.Dir(path))
		packages[filepath.ToSlash(dir)] = append(packages[filepath.ToSlash(dir)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
