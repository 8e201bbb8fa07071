package strict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// NotNull is what is wrong with a null that a schema does not allow.
const NotNull = "must not be null"

// Null says where raw has a null that its schema does not allow; encoding/json and huma take a null for a member that was
// left out. Names that the schema does not have are not looked into. nil: nowhere.
func Null(r huma.Registry, s *huma.Schema, raw []byte) *Error {
	if at, found := nullIn(r, s, raw, ""); found {
		return &Error{at, NotNull}
	}
	return nil
}

// NullOf is Null with the schema that the OpenAPI document shows for a type.
func NullOf(raw []byte, t reflect.Type) *Error {
	s, known := schemas.Load(t)
	if !known {
		r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
		s, _ = schemas.LoadOrStore(t, typeSchema{r, huma.SchemaFromType(r, t)})
	}
	of := s.(typeSchema)
	return Null(of.registry, of.schema, raw)
}

type typeSchema struct {
	registry huma.Registry
	schema   *huma.Schema
}

var schemas sync.Map // typeSchema by reflect.Type

// nullIn reads of raw what the schema has names for, and passes over the rest.
func nullIn(r huma.Registry, s *huma.Schema, raw []byte, at string) (string, bool) {
	for s != nil && s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	if raw = bytes.TrimSpace(raw); s == nil || len(raw) == 0 {
		return "", false
	}
	switch {
	case string(raw) == "null":
		return at, !s.Nullable && s.Type != ""
	case raw[0] == '[' && s.Items != nil:
		var list []json.RawMessage
		_ = json.Unmarshal(raw, &list) // one that is malformed is told by its decoder
		for i, item := range list {
			if at, found := nullIn(r, s.Items, item, fmt.Sprintf("%s[%d]", at, i)); found {
				return at, true
			}
		}
	case raw[0] == '{' && s.Type == huma.TypeObject:
		return nullInObject(r, s, raw, at)
	}
	return "", false
}

func nullInObject(r huma.Registry, s *huma.Schema, raw []byte, at string) (string, bool) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	others, _ := s.AdditionalProperties.(*huma.Schema)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		of, known := s.Properties[name]
		if !known {
			of = others
		}
		path := strings.TrimPrefix(at+"."+name, ".")
		if at, found := nullIn(r, of, members[name], path); found {
			return at, true
		}
	}
	return "", false
}
