package strict

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// NotNull is what is wrong with a null that a schema does not allow.
const NotNull = "must not be null"

// Null says where raw has a null that its schema does not allow; encoding/json and huma take a null for a member that was
// left out. Names that the schema does not have are not looked into. nil: nowhere.
func Null(r huma.Registry, s *huma.Schema, raw []byte) *Error {
	return InTurn(raw, func() *Error { return null(r, s, raw) })
}

func null(r huma.Registry, s *huma.Schema, raw []byte) *Error {
	if !json.Valid(raw) {
		return nil // which its decoder tells
	}
	if at, found := nullIn(&walker{b: raw}, r, s); found {
		return &Error{strings.TrimPrefix(at, "."), NotNull}
	}
	return nil
}

// NullOf is Null with the schema that the OpenAPI document shows for a type.
func NullOf(raw []byte, t reflect.Type) *Error {
	return InTurn(raw, func() *Error { return NullWithin(raw, t) })
}

// NullWithin is NullOf for those that have a turn, as in InTurns.
func NullWithin(raw []byte, t reflect.Type) *Error {
	s, known := schemas.Load(t)
	if !known {
		r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
		s, _ = schemas.LoadOrStore(t, typeSchema{r, huma.SchemaFromType(r, t)})
	}
	of := s.(typeSchema)
	return null(of.registry, of.schema, raw)
}

type typeSchema struct {
	registry huma.Registry
	schema   *huma.Schema
}

var schemas sync.Map // typeSchema by reflect.Type

// nullIn steps over one value, up to a null that its schema does not allow. What the schema has no
// names for is passed over.
func nullIn(w *walker, r huma.Registry, s *huma.Schema) (at string, found bool) {
	for s != nil && s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	switch first := w.peek(); {
	case s == nil:
		w.skip()
	case first == 'n':
		w.skip()
		return "", !s.Nullable && s.Type != ""
	case first == '[' && s.Items != nil:
		w.items(func(n int) bool {
			if at, found = nullIn(w, r, s.Items); found {
				at = fmt.Sprintf("[%d]%s", n, at)
			}
			return !found
		})
	case first == '{' && s.Type == huma.TypeObject:
		others, _ := s.AdditionalProperties.(*huma.Schema)
		w.members(func(name string) bool {
			of, known := s.Properties[name]
			if !known {
				of = others
			}
			if at, found = nullIn(w, r, of); found {
				at = "." + name + at
			}
			return !found
		})
	default:
		w.skip()
	}
	return at, found
}
