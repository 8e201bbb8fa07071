package standin

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// plannedCalls are the functions the model calls: the forced one, or those that the
// instructions or the last user turn name after "call" or "use" and that have not been
// answered since.
func plannedCalls(p responseParams, items []*item) []plannedCall {
	functions := functionsOf(p.Tools)
	if len(functions) == 0 || p.ToolChoice == "none" {
		return nil
	}
	request := ""
	if last := lastUser(items); last != nil {
		request = last.text()
	}
	switch p.ToolChoice {
	case "function":
		return []plannedCall{newCall(*findTool(functions, p.ToolName), request)}
	case "required":
		asked := askedFor(functions, p, request)
		if len(asked) == 0 {
			asked = functions[:1]
		}
		return newCalls(asked, request)
	}
	if answered(items) {
		return nil
	}
	return newCalls(askedFor(functions, p, request), request)
}

func askedFor(functions []tool, p responseParams, request string) []tool {
	var asked []tool
	for _, f := range functions {
		if asksFor(request, f.Name) || asksFor(p.Instructions, f.Name) {
			asked = append(asked, f)
		}
	}
	if !p.Parallel && len(asked) > 1 {
		asked = asked[:1]
	}
	return asked
}

func asksFor(text, name string) bool {
	if !strings.Contains(strings.ToLower(text), strings.ToLower(name)) {
		return false
	}
	pattern := `(?i)\b(?:call|use|using|invoke|run)\b[^.!?\n]*?\b` + regexp.QuoteMeta(name) + `\b`
	matched, err := regexp.MatchString(pattern, text)
	return err == nil && matched
}

// answered reports whether the last user turn already led to a tool's output.
func answered(items []*item) bool {
	for _, it := range slices.Backward(items) {
		switch {
		case it.Type == "function_call_output":
			return true
		case it.Role == "user":
			return false
		}
	}
	return false
}

func findTool(functions []tool, name string) *tool {
	for i := range functions {
		if functions[i].Name == name {
			return &functions[i]
		}
	}
	return nil
}

func newCalls(functions []tool, request string) []plannedCall {
	var calls []plannedCall
	for _, f := range functions {
		calls = append(calls, newCall(f, request))
	}
	return calls
}

// newCall takes the arguments from a JSON object behind the tool's name in the request,
// if there is one, else invents some that the tool's schema allows.
func newCall(f tool, request string) plannedCall {
	_, after, _ := strings.Cut(request, f.Name)
	if i := strings.IndexByte(after, '{'); i >= 0 {
		var object json.RawMessage
		if json.NewDecoder(strings.NewReader(after[i:])).Decode(&object) == nil {
			return plannedCall{f.Name, string(object)}
		}
	}
	// What is invented is made of JSON's own types only.
	arguments, _ := json.Marshal(invent(f.Parameters))
	return plannedCall{f.Name, string(arguments)}
}
